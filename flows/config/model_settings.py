"""From the project file's words to teachers, models and how they are trained."""

from pathlib import Path

from data_registry.errors import InputError
from data_registry.storage.database_urls import build_sqlite_text_url, parse_database_url
from flows.config.project_schema import LabelSection
from flows.config.train_section import ModelSection, TrainModelSection
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
    return LabelSettings(
        teacher=TeacherSpec(
            backbone=build_teacher_backbone(workspace),
            mode=label.mode,
            gate_quantile=label.gate_quantile,
            folds=label.folds,
            epochs=label.epochs,
            learning_rate=label.learning_rate,
            seed=label.seed,
            further=tuple(_build_backbone(workspace, item.name, item) for item in label.backbones),
        ),
        threshold=label.threshold if threshold is None else threshold,
        heed_query=label.heed_query,
        class_of_query=workspace.project.class_of_query,
        policy=label.policy,
        target=label.target_precision,
        heed_gate=label.heed_gate,
        most_times=label.max_per_labelled,
    )


def build_teacher_backbone(workspace: Workspace) -> BackboneSpec:
    """Build the teacher's first backbone; its features also group the images."""
    label = workspace.project.label
    return _build_backbone(workspace, label.backbone, label)


def build_model_spec(workspace: Workspace, model: TrainModelSection) -> ModelSpec:
    """Build a model to train; one of the teacher's name takes the teacher's weights file."""
    model = share_teacher_weights(workspace.project.label, model)
    return ModelSpec(
        name=model.name,
        learns=model.learns,
        weights=_resolve_weights(workspace, model) or None,
        model_args=model.model_args,
        input_size=model.input_size,
        mean=model.mean,
        std=model.std,
        dropout=model.dropout,
        freeze=model.freeze,
        attention=model.attention,
        head=model.head,
        head_units=model.head_units,
    )


def share_teacher_weights(label: LabelSection, model: TrainModelSection) -> TrainModelSection:
    """Give the teacher's weights file to a model of the same name that states no weights.

    What says how the file is read goes with it, unless the model's table says otherwise itself.
    """
    words = ("", PRETRAINED, RANDOM)
    if model.weights or label.weights in words or model.name != label.backbone:
        return model
    shared = ("weights", "model_args", "mean", "std")
    taken = {key: getattr(label, key) for key in shared if key not in model.model_fields_set}
    return model.model_copy(update={**taken, "weights": label.weights})


def build_fit_config(model: TrainModelSection) -> FitConfig:
    """Build the training settings of a model: both arms take the same number of steps."""
    return FitConfig(
        epochs=model.epochs if isinstance(model.epochs, int) else None,
        max_steps=model.steps if model.epochs is None else None,
        batch_size=model.batch_size,
        micro_batch=model.micro_batch,
        optimiser=model.optimiser,
        learning_rate=model.learning_rate,
        layer_decay=model.layer_decay,
        weight_decay=model.weight_decay,
        momentum=model.momentum,
        schedule=model.schedule,
        decay_factor=model.decay_factor,
        decay_checks=model.decay_checks,
        warmup_share=model.warmup_share,
        patience=model.patience or None,
        min_delta=model.min_delta,
        label_smoothing=model.label_smoothing,
        soft_labels=model.soft_labels,
        class_weights=model.class_weights,
        mixup=model.mixup,
        cutmix=model.cutmix,
        augmentation=_build_augmentation(model),
        ema=model.ema,
        precision=model.precision,
        head_steps=model.head_steps,
        head_learning_rate=model.head_learning_rate,
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
    return Tracking(
        mlflow=_resolve_mlflow_address(workspace.folder, train.mlflow),
        wandb=train.wandb,
        folder=workspace.folder,
        project=workspace.project.project.name,
    )


def _build_augmentation(model: TrainModelSection) -> AugmentationSettings | None:
    kind = model.augmentation
    if kind is None and (model.freeze or model.flip):
        return None
    return AugmentationSettings(
        kind=kind or "crop",
        rotation=model.rotation,
        shift=model.shift,
        zoom=model.zoom,
        shear=model.shear,
        flip=model.flip,
        operations=model.randaugment_operations,
        magnitude=model.randaugment_magnitude,
    )


def _build_backbone(workspace: Workspace, name: str, section: ModelSection) -> BackboneSpec:
    return BackboneSpec(
        name=name,
        weights=_resolve_weights(workspace, section) or PRETRAINED,
        model_args=section.model_args,
        input_size=section.input_size,
        mean=section.mean,
        std=section.std,
    )


def _resolve_weights(workspace: Workspace, section: ModelSection) -> str:
    """Resolve the path of a weights file; ``pretrained`` and ``random`` are no files."""
    words = ("", PRETRAINED, RANDOM)
    return (
        section.weights
        if section.weights in words
        else str(workspace.resolve_path(section.weights))
    )
