"""From the project file's words to the settings that the rooms take."""

from pathlib import Path
from typing import Any

from collectors.candidate import Provider
from collectors.collect import CollectSettings
from collectors.fetched import FetchSettings
from collectors.image_check import CheckSettings
from collectors.providers import build_provider
from data_registry.near_duplicates import Radii
from data_registry.splits import SplitSettings
from flows.project import ModelSection, TrainModelSection
from flows.workspace import Workspace
from labeling.label import LabelSettings
from labeling.teacher import TeacherSpec
from train.backbones import PRETRAINED, RANDOM, BackboneSpec
from train.fit import FitConfig
from train.models import ModelSpec

_PROVIDER_PATHS = ("path", "table")
MILLION = 1_000_000


def radii(workspace: Workspace) -> Radii:
    """How near hashes must be."""
    groups = workspace.project.groups
    return Radii(groups.phash_radius, groups.dhash_radius)


def split_settings(workspace: Workspace) -> SplitSettings:
    """How large missing splits become."""
    splits = workspace.project.splits
    return SplitSettings(splits.val, splits.test, splits.seed)


def collect_settings(workspace: Workspace) -> CollectSettings:
    """Limits of a collection."""
    collect = workspace.project.collect
    return CollectSettings(
        fetch=FetchSettings(
            contact=workspace.project.project.contact,
            total_seconds=collect.total_seconds,
            max_bytes=round(collect.max_megabytes * MILLION),
        ),
        check=CheckSettings(
            max_pixels=round(collect.max_megapixels * MILLION), min_side=collect.min_side
        ),
        threads=collect.threads,
    )


def providers(workspace: Workspace) -> list[Provider]:
    """Every provider of the project file.

    Raises:
        ProviderError: an unknown kind or option.
    """
    fetch = collect_settings(workspace).fetch
    return [
        build_provider(section.kind, _with_paths(workspace, section.options), fetch)
        for section in workspace.project.collect.providers
    ]


def label_settings(workspace: Workspace) -> LabelSettings:
    """How the pool is labelled."""
    label = workspace.project.label
    return LabelSettings(
        teacher=TeacherSpec(
            backbone=teacher_backbone(workspace),
            mode=label.mode,
            gate_quantile=label.gate_quantile,
            folds=label.folds,
            epochs=label.epochs,
            learning_rate=label.learning_rate,
            seed=label.seed,
        ),
        threshold=label.threshold,
        heed_query=label.heed_query,
        class_of_query=workspace.project.class_of_query,
    )


def teacher_backbone(workspace: Workspace) -> BackboneSpec:
    """The backbone that teaches, and whose features group images."""
    label = workspace.project.label
    return BackboneSpec(
        name=label.backbone,
        weights=_weights(workspace, label) or PRETRAINED,
        model_args=label.model_args,
        input_size=label.input_size,
        mean=label.mean,
        std=label.std,
    )


def model_spec(workspace: Workspace, model: TrainModelSection) -> ModelSpec:
    """A model to train."""
    return ModelSpec(
        name=model.name,
        weights=_weights(workspace, model) or None,
        model_args=model.model_args,
        input_size=model.input_size,
        mean=model.mean,
        std=model.std,
        dropout=model.dropout,
        freeze=model.freeze,
    )


def fit_config(model: TrainModelSection) -> FitConfig:
    """How a model is trained in both arms: the same number of steps, whatever the data."""
    return FitConfig(
        max_steps=model.steps,
        batch_size=model.batch_size,
        learning_rate=model.learning_rate,
        weight_decay=model.weight_decay,
        label_smoothing=model.label_smoothing,
        class_weights=model.class_weights,
    )


def _weights(workspace: Workspace, section: ModelSection) -> str:
    """``pretrained`` and ``random`` are words; anything else is a file."""
    words = ("", PRETRAINED, RANDOM)
    return section.weights if section.weights in words else str(workspace.path(section.weights))


def _with_paths(workspace: Workspace, options: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Path] = {
        name: workspace.path(options[name]) for name in _PROVIDER_PATHS if options.get(name)
    }
    return {**options, **paths}
