"""The real photographs and weights as the benchmarks take them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_registry.progress import SilentProgress
from data_registry.versions.published_versions import find_version, load_version_rows
from flows.config.project_schema import Project
from flows.config.scaffold import write_files
from flows.config.workspace import Workspace, open_workspace
from flows.stages.stages import group_stage, import_stage, merge_stage
from flows.training.training_data import build_dataset
from flows.training.training_steps import build_training_context
from train.data.dataset import Dataset, Example
from train.specs import BackboneSpec
from train.tracking.context import TrainingContext

LITE, MOBILE = "tf_efficientnet_lite0", "mobilenetv2_100"
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Published:
    """A labelled set after import, grouping and merge."""

    workspace: Workspace
    context: TrainingContext
    dataset: Dataset


def build_model_keys(shared: Path, name: str) -> dict[str, Any]:
    """Build the keys of a project file's model table for these weights."""
    files = {LITE: "tf_efficientnet_lite0_backbone.pth", MOBILE: "mobilenetv2_100.pth"}
    padded = {"pad_type": "same", "bn_eps": 1e-3} if name == MOBILE else {}
    weights = str(shared / "weights" / files[name])
    return {"weights": weights, "model_args": padded, "mean": _HALF, "std": _HALF}


def build_backbone_spec(shared: Path, name: str) -> BackboneSpec:
    """Build the backbone's specification for these weights."""
    return BackboneSpec(name, **build_model_keys(shared, name))


@contextmanager
def publish_set(folder: Path, project: Mapping[str, Any], photographs: Path) -> Iterator[Published]:
    """Publish a new project's labelled set: import, group, merge.

    Args:
        folder: of the project.
        project: sections of its file; classes, name and the label's backbone are filled in.
        photographs: an ImageFolder.
    """
    shared = photographs.parents[1]
    label = {"backbone": LITE, **build_model_keys(shared, LITE)}
    classes = [{"name": name} for name in list_class_names(photographs)]
    about = {"project": {"name": photographs.name}, "classes": classes, "label": label}
    write_files(folder, Project.model_validate({**about, **project}))
    with open_workspace(folder) as workspace:
        import_stage(workspace, photographs)
        group_stage(workspace)
        version = find_version(workspace.registry, merge_stage(workspace).tag)
        rows = load_version_rows(workspace.registry, version)
        dataset = build_dataset(workspace.registry, version, rows)
        yield Published(
            workspace, build_training_context(workspace, version, SilentProgress()), dataset
        )


def select_examples(examples: Sequence[Example], places: Sequence[int]) -> tuple[Example, ...]:
    """Select the examples at these indices."""
    return tuple(examples[place] for place in places)


def list_class_names(photographs: Path) -> list[str]:
    """List the classes of an image folder with or without splits."""
    inside = photographs / "train" if (photographs / "train").is_dir() else photographs
    return sorted(child.name for child in inside.iterdir() if child.is_dir())
