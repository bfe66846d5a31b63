"""[[train.models]], and what [label] says of a model: every number of a training."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from flows.config.sections.section import Positive, Section, Triple
from flows.config.sections.setting import define_setting
from train.choices import (
    AttentionName,
    AugmentationName,
    HeadName,
    LearnsName,
    OptimiserName,
    PrecisionName,
    ScheduleName,
)
from train.data.augmentation_settings import AugmentationSettings
from train.fitting.fit_config import FitConfig
from train.specs import BackboneSpec, ModelSpec

UNLIMITED = "unlimited"


def _read_patience(checks: int) -> int | None:
    """0 stands for no limit."""
    return checks or None


class ModelSection(Section):
    """What [label] and [[train.models]] say of a model"""

    weights: str = define_setting(
        (BackboneSpec, ModelSpec),
        "weights",
        'a local file, "pretrained" (the hub) or "random"; empty: the usual',
        default="",
    )
    model_args: dict[str, Any] = define_setting(
        (BackboneSpec, ModelSpec), "model_args", "further arguments of timm's create_model"
    )
    input_size: Positive | None = define_setting(
        (BackboneSpec, ModelSpec), "input_size", "side in pixels, instead of its own"
    )
    mean: Triple | None = define_setting(
        (BackboneSpec, ModelSpec), "mean", "normalisation, instead of the model's own"
    )
    std: Triple | None = define_setting(
        (BackboneSpec, ModelSpec), "std", "normalisation, instead of the model's own"
    )


class TrainModelSection(ModelSection):
    """[[train.models]]"""

    name: str = define_setting(
        ModelSpec,
        "name",
        'a timm model or an alias such as "ResNet50" or "ViT-B/16"; "cnn", '
        '"cnn/restaurant-batchnorm", "convmixer", torchvision/NAME',
        default=...,
        min_length=1,
    )
    learns: LearnsName = define_setting(
        ModelSpec, "learns", "classes, or groups: the coarser classes named in [[classes]]"
    )
    attention: AttentionName = define_setting(
        ModelSpec, "attention", "before the last pool: none, squeeze-excitation, cbam"
    )
    head: HeadName = define_setting(ModelSpec, "head", "linear, dense (with dropout), flatten")
    head_units: tuple[Positive, ...] = define_setting(
        ModelSpec, "head_units", "layers of head dense"
    )
    dropout: float = define_setting(ModelSpec, "dropout", "share of features silenced", ge=0, lt=1)
    freeze: bool = define_setting(ModelSpec, "freeze", "train the head alone")
    head_steps: int = define_setting(
        FitConfig, "head_steps", "the head alone first, then everything; 0: not so", ge=0
    )
    head_learning_rate: float = define_setting(
        FitConfig, "head_learning_rate", "in head_steps", gt=0
    )

    steps: Positive = define_setting(
        FitConfig, "max_steps", "optimiser steps, the same in both arms", default=600
    )
    epochs: Positive | Literal["unlimited"] | None = define_setting(
        FitConfig,
        "epochs",
        'passes over the images instead of steps; "unlimited": see patience',
        default=None,
    )
    patience: int = define_setting(
        FitConfig,
        "patience",
        "checks (one an epoch, or 20 in all) without progress that end it; 0: none do. "
        "Arms never end early",
        convert=_read_patience,
        ge=0,
    )
    min_delta: float = define_setting(
        FitConfig, "min_delta", "of validation loss; less is no progress", ge=0
    )

    batch_size: Positive = define_setting(FitConfig, "batch_size", "images a step")
    micro_batch: Positive | None = define_setting(
        FitConfig, "micro_batch", "images computed at once; halved by itself when memory runs out"
    )
    precision: PrecisionName = define_setting(
        FitConfig, "precision", "auto (the fastest for the model here), float32, bfloat16, float16"
    )
    optimiser: OptimiserName = define_setting(
        FitConfig, "optimiser", "adamw, sgd, adam, nadam, rmsprop"
    )
    learning_rate: float = define_setting(
        FitConfig, "learning_rate", "the highest, after the warm-up", gt=0
    )
    layer_decay: float = define_setting(
        FitConfig,
        "layer_decay",
        "each layer's rate is this share of the next one's; 1: all alike",
        gt=0,
        le=1,
    )
    weight_decay: float | None = define_setting(
        FitConfig,
        "weight_decay",
        "else 0.01 with adamw, where it is decoupled, and 0 with the others",
        ge=0,
    )
    momentum: float = define_setting(FitConfig, "momentum", "of sgd", ge=0, lt=1)
    schedule: ScheduleName = define_setting(
        FitConfig, "schedule", "cosine, plateau, step, constant"
    )
    warmup_share: float = define_setting(
        FitConfig, "warmup_share", "of the steps: the rate climbs", ge=0, lt=1
    )
    decay_factor: float = define_setting(
        FitConfig, "decay_factor", "of schedule plateau and step", gt=0, lt=1
    )
    decay_checks: Positive = define_setting(
        FitConfig,
        "decay_checks",
        "checks before decay_factor is applied (plateau: without progress)",
    )
    ema: float = define_setting(
        FitConfig, "ema", "decay of the running mean of weights that is kept; 0: none", ge=0, lt=1
    )

    label_smoothing: float = define_setting(FitConfig, "label_smoothing", "0: none", ge=0, lt=1)
    soft_labels: bool = define_setting(
        FitConfig, "soft_labels", "learn the teacher's probabilities of what the teacher named"
    )
    class_weights: bool = define_setting(
        FitConfig, "class_weights", "weigh rare classes up, count_noun over images"
    )
    mixup: float = define_setting(FitConfig, "mixup", "alpha; 0: none", ge=0)
    cutmix: float = define_setting(FitConfig, "cutmix", "alpha; 0: none", ge=0)
    augmentation: AugmentationName | None = define_setting(
        AugmentationSettings,
        "kind",
        "none, crop, geometric, randaugment; else crop, and none with freeze",
        default=None,
    )
    flip: bool = define_setting(AugmentationSettings, "flip", "mirror half of the training images")
    rotation: float = define_setting(
        AugmentationSettings, "rotation", "degrees, of geometric", ge=0, le=180
    )
    shift: float = define_setting(
        AugmentationSettings, "shift", "share of the side, of geometric", ge=0, lt=1
    )
    zoom: float = define_setting(
        AugmentationSettings, "zoom", "share of the size, of geometric", ge=0, lt=1
    )
    shear: float = define_setting(
        AugmentationSettings, "shear", "share of the height, of geometric", ge=0, lt=1
    )
    randaugment_operations: Positive = define_setting(
        AugmentationSettings, "operations", "for each image"
    )
    randaugment_magnitude: int = define_setting(
        AugmentationSettings, "magnitude", "how much each changes", ge=0, le=30
    )

    @model_validator(mode="after")
    def _check_freeze(self) -> Self:
        if self.freeze and self.head_steps:
            raise ValueError(
                "freeze trains the head alone, head_steps trains it first and then everything: "
                "set one of the two"
            )
        return self

    @model_validator(mode="after")
    def _check_schedule_end(self) -> Self:
        if self.epochs == UNLIMITED and self.schedule == "cosine":
            raise ValueError(
                'a cosine needs a last step, and epochs = "unlimited" has none: set schedule = '
                '"plateau", "step" or "constant"'
            )
        return self


def replace_values(model: TrainModelSection, values: Mapping[str, Any]) -> TrainModelSection:
    """Copy a table with other values for some of its keys.

    Raises:
        ValidationError: a key or value that no table may have.
    """
    return TrainModelSection.model_validate({**model.model_dump(exclude_unset=True), **values})
