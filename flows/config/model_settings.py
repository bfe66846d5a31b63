"""From the project file's words to teachers, models and how they are trained."""

from pathlib import Path

from data_registry.errors import InputError
from data_registry.storage.database_urls import build_sqlite_text_url, parse_database_url
from flows.config.sections.label_section import LabelSection
from flows.config.sections.model_section import ModelSection, TrainModelSection
from flows.config.sections.setting import fill_record
from flows.config.workspace import Workspace
from labeling.rounds.label_settings import LabelSettings
from labeling.teacher.teacher_spec import TeacherSpec
from train.choices import PRETRAINED, RANDOM
from train.data.augmentation_settings import AugmentationSettings
from train.fitting.fit_config import FitConfig
from train.specs import BackboneSpec, ModelSpec
from train.tracking.tracking_settings import Tracking


def build_label_settings(workspace: Workspace, threshold: float | None = None) -> LabelSettings:
    """Build the settings of a labelling round.

    Args:
        workspace: the project.
        threshold: instead of the project file's.

    Raises:
        InputError: the threshold is no probability.
    """
    label = workspace.project.label
    if threshold is not None and not 0 < threshold < 1:
        raise InputError(f"threshold {threshold:g}: expected a number between 0 and 1")
    teacher = fill_record(
        TeacherSpec,
        label,
        backbone=build_teacher_backbone(workspace),
        further=tuple(_build_backbone(workspace, item.name, item) for item in label.backbones),
    )
    return fill_record(
        LabelSettings,
        label,
        teacher=teacher,
        threshold=label.threshold if threshold is None else threshold,
        class_of_query=workspace.project.class_of_query,
    )


def build_teacher_backbone(workspace: Workspace) -> BackboneSpec:
    """Build the teacher's first backbone; its features also group the images."""
    label = workspace.project.label
    return _build_backbone(workspace, label.backbone, label)


def build_model_spec(workspace: Workspace, model: TrainModelSection) -> ModelSpec:
    """Build a model to train; one of the teacher's name takes the teacher's weights file."""
    model = share_teacher_weights(workspace.project.label, model)
    return fill_record(ModelSpec, model, weights=_resolve_weights(workspace, model) or None)


def share_teacher_weights(label: LabelSection, model: TrainModelSection) -> TrainModelSection:
    """Give the teacher's weights file to a model of the same name that states no weights.

    What says how the file is read goes with it, unless the model's table says otherwise itself.
    """
    no_files = ("", PRETRAINED, RANDOM)
    if model.weights or label.weights in no_files or model.name != label.backbone:
        return model
    shared = ("weights", "model_args", "mean", "std")
    taken = {key: getattr(label, key) for key in shared if key not in model.model_fields_set}
    return model.model_copy(update={**taken, "weights": label.weights})


def build_fit_config(model: TrainModelSection) -> FitConfig:
    """Build the training settings of a model: both arms take the same number of steps."""
    return fill_record(
        FitConfig,
        model,
        epochs=model.epochs if isinstance(model.epochs, int) else None,
        max_steps=model.steps if model.epochs is None else None,
        augmentation=_build_augmentation(model),
    )


def _resolve_mlflow_address(folder: Path, address: str) -> str:
    """Build the address for MLflow; a relative SQLite file lies in the project's folder."""
    if not address.startswith("sqlite:"):
        return address
    url = parse_database_url(address, folder)
    if url.query or not url.database:
        return url.render_as_string(hide_password=False)
    return build_sqlite_text_url(Path(url.database))


def build_tracking(workspace: Workspace) -> Tracking:
    """Build the list of trackers that receive the curves, beside TensorBoard."""
    train = workspace.project.train
    return fill_record(
        Tracking,
        train,
        mlflow=_resolve_mlflow_address(workspace.folder, train.mlflow),
        folder=workspace.folder,
        project=workspace.project.project.name,
    )


def _build_augmentation(model: TrainModelSection) -> AugmentationSettings | None:
    kind = model.augmentation
    if kind is None and (model.freeze or model.flip):
        return None
    return fill_record(AugmentationSettings, model, kind=kind or AugmentationSettings.kind)


def _build_backbone(workspace: Workspace, name: str, section: ModelSection) -> BackboneSpec:
    weights = _resolve_weights(workspace, section) or PRETRAINED
    return fill_record(BackboneSpec, section, name=name, weights=weights)


def _resolve_weights(workspace: Workspace, section: ModelSection) -> str:
    """Resolve the path of a weights file; ``pretrained`` and ``random`` are no files."""
    no_files = ("", PRETRAINED, RANDOM)
    return (
        section.weights
        if section.weights in no_files
        else str(workspace.resolve_path(section.weights))
    )
