"""The stages, as plain functions: each takes an opened workspace and says what it did."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from collectors.collect import collect
from collectors.ledger import CollectSummary
from data_registry.errors import InputError, LabelledSetError
from data_registry.grouping import (
    GroupSummary,
    link_by_features,
    link_by_hashes,
    link_by_names,
    regroup,
)
from data_registry.importing import ImportSummary, import_folder
from data_registry.labelled_set import scan
from data_registry.progress import Progress, Silent
from data_registry.splits import assign_splits
from data_registry.versions import Version, publish
from flows.settings import (
    collect_settings,
    label_settings,
    providers,
    radii,
    split_settings,
    teacher_backbone,
)
from flows.workspace import Workspace
from labeling.label import LabelSummary, label_pool
from train.backbones import load_backbone
from train.feature_store import FeatureStore


@dataclass(frozen=True)
class Imported:
    """What an import brought, and the version it led to."""

    images: ImportSummary
    groups: GroupSummary
    assigned: Mapping[str, int]
    version: Version


def import_stage(workspace: Workspace, folder: Path, progress: Progress | None = None) -> Imported:
    """A labelled set becomes images, groups, splits and a version.

    Raises:
        LabelledSetError: the folder is no labelled set, or has classes the project does not know.
    """
    _refuse_unknown_classes(workspace, folder)
    registry = workspace.registry
    images = import_folder(registry, folder, progress)
    groups = _regroup_by_hashes_and_names(workspace)
    assigned = assign_splits(registry, split_settings(workspace))
    return Imported(images, groups, assigned, _publish(workspace))


def collect_stage(
    workspace: Workspace, progress: Progress | None = None
) -> tuple[CollectSummary, ...]:
    """Ask every provider for the project's queries.

    Raises:
        InputError: the project names no provider.
        ProviderError: a provider cannot give candidates.
    """
    sources = providers(workspace)
    if not sources:
        raise InputError(
            "the project names no provider: add a [[collect.providers]] table with a kind (folder, "
            "urls or gallery) to ephyra.toml"
        )
    settings = collect_settings(workspace)
    queries = workspace.project.queries
    return tuple(
        collect(workspace.registry, source, queries, settings, progress) for source in sources
    )


def group_stage(workspace: Workspace, progress: Progress | None = None) -> GroupSummary:
    """Compute features of every image, and draw the groups from hashes, names and features."""
    registry = workspace.registry
    known = sorted(registry.known_images())
    similarity = workspace.project.groups.feature_similarity
    store = FeatureStore(registry.files, load_backbone(teacher_backbone(workspace)))
    features = store.features(known, registry.read_image, progress or Silent())
    link_by_features(registry, known, features, similarity)
    return _regroup_by_hashes_and_names(workspace)


def label_stage(
    workspace: Workspace, progress: Progress | None = None, threshold: float | None = None
) -> LabelSummary:
    """Let the teacher decide on every collected image.

    Raises:
        InputError: a threshold that is no probability, or too few labelled images.
    """
    settings = label_settings(workspace)
    if threshold is not None:
        if not 0 < threshold < 1:
            raise InputError(f"threshold {threshold:g}: expected a number between 0 and 1")
        settings = replace(settings, threshold=threshold)
    return label_pool(workspace.registry, settings, progress)


def merge_stage(workspace: Workspace) -> Version:
    """Publish what is now known as a version; nothing new gives the newest version again."""
    _regroup_by_hashes_and_names(workspace)
    return _publish(workspace)


def _regroup_by_hashes_and_names(workspace: Workspace) -> GroupSummary:
    registry = workspace.registry
    link_by_hashes(registry, radii(workspace))
    link_by_names(registry, workspace.project.groups.name_patterns)
    return regroup(registry)


def _publish(workspace: Workspace) -> Version:
    project = workspace.project
    settings: dict[str, Any] = {
        "groups": project.groups.model_dump(mode="json"),
        "splits": asdict(split_settings(workspace)),
        "threshold": project.label.threshold,
    }
    return publish(workspace.registry, settings)


def _refuse_unknown_classes(workspace: Workspace, folder: Path) -> None:
    declared = {item.name for item in workspace.project.classes}
    found = {file.class_name for file in scan(folder)}
    if declared and found - declared:
        raise LabelledSetError(
            f"{folder} has classes that ephyra.toml does not name: "
            f"{', '.join(sorted(found - declared))}. Expected {', '.join(sorted(declared))}: "
            "rename the folders, or add [[classes]] tables; nothing was imported"
        )
