"""[train] and [[train.models]]: models, and every number of their training."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from data_registry.text.wording import suggest_name
from flows.config.search_section import EnsembleSection, RangeSection, SweepSection
from flows.config.section import Place, Positive, Section, Seed, Triple, build_located_error
from flows.config.validation.expected_words import describe_expectation
from train.choices import (
    AttentionName,
    AugmentationName,
    HeadName,
    LearnsName,
    OptimiserName,
    PrecisionName,
    ScheduleName,
    WandbMode,
)

LEAST_SEEDS = 3
UNLIMITED = "unlimited"


class ModelSection(Section):
    """What [label] and [[train.models]] say of a model"""

    weights: str = Field(
        "", description='a local file, "pretrained" (the hub) or "random"; empty: the usual'
    )
    model_args: dict[str, Any] = Field(
        default_factory=dict, description="further arguments of timm's create_model"
    )
    input_size: Positive | None = Field(None, description="side in pixels, instead of its own")
    mean: Triple | None = Field(None, description="normalisation, instead of the model's own")
    std: Triple | None = Field(None, description="normalisation, instead of the model's own")


class TrainModelSection(ModelSection):
    """[[train.models]]"""

    name: str = Field(
        min_length=1,
        description='a timm model or an alias such as "ResNet50" or "ViT-B/16"; "cnn", '
        '"cnn/restaurant-batchnorm", "convmixer", torchvision/NAME',
    )
    learns: LearnsName = Field(
        "classes", description="classes, or groups: the coarser classes named in [[classes]]"
    )
    attention: AttentionName = Field(
        "none", description="before the last pool: none, squeeze-excitation, cbam"
    )
    head: HeadName = Field("linear", description="linear, dense (with dropout), flatten")
    head_units: tuple[Positive, ...] = Field((256,), description="layers of head dense")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of features silenced")
    freeze: bool = Field(False, description="train the head alone")
    head_steps: int = Field(0, ge=0, description="the head alone first, then everything; 0: not so")
    head_learning_rate: float = Field(1e-3, gt=0, description="in head_steps")

    steps: Positive = Field(600, description="optimiser steps, the same in both arms")
    epochs: Positive | Literal["unlimited"] | None = Field(
        None, description='passes over the images instead of steps; "unlimited": see patience'
    )
    patience: int = Field(
        5,
        ge=0,
        description="checks (one an epoch, or 20 in all) without progress that end it; 0: none do. "
        "Arms never end early",
    )
    min_delta: float = Field(0, ge=0, description="of validation loss; less is no progress")

    batch_size: Positive = Field(32, description="images a step")
    micro_batch: Positive | None = Field(
        None, description="images computed at once; halved by itself when memory runs out"
    )
    precision: PrecisionName = Field(
        "auto", description="auto (the fastest for the model here), float32, bfloat16, float16"
    )
    optimiser: OptimiserName = Field("adamw", description="adamw, sgd, adam, nadam, rmsprop")
    learning_rate: float = Field(1e-3, gt=0, description="the highest, after the warm-up")
    layer_decay: float = Field(
        1, gt=0, le=1, description="each layer's rate is this share of the next one's; 1: all alike"
    )
    weight_decay: float | None = Field(
        None, ge=0, description="else 0.01 with adamw, where it is decoupled, and 0 with the others"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    schedule: ScheduleName = Field("cosine", description="cosine, plateau, step, constant")
    warmup_share: float = Field(0.1, ge=0, lt=1, description="of the steps: the rate climbs")
    decay_factor: float = Field(0.1, gt=0, lt=1, description="of schedule plateau and step")
    decay_checks: Positive = Field(
        3, description="checks before decay_factor is applied (plateau: without progress)"
    )
    ema: float = Field(
        0, ge=0, lt=1, description="decay of the running mean of weights that is kept; 0: none"
    )

    label_smoothing: float = Field(0, ge=0, lt=1, description="0: none")
    soft_labels: bool = Field(
        False, description="learn the teacher's probabilities of what the teacher named"
    )
    class_weights: bool = Field(False, description="weigh rare classes up, count_noun over images")
    mixup: float = Field(0, ge=0, description="alpha; 0: none")
    cutmix: float = Field(0, ge=0, description="alpha; 0: none")
    augmentation: AugmentationName | None = Field(
        None, description="none, crop, geometric, randaugment; else crop, and none with freeze"
    )
    flip: bool = Field(True, description="mirror half of the training images")
    rotation: float = Field(30, ge=0, le=180, description="degrees, of geometric")
    shift: float = Field(0.2, ge=0, lt=1, description="share of the side, of geometric")
    zoom: float = Field(0.2, ge=0, lt=1, description="share of the size, of geometric")
    shear: float = Field(0.2, ge=0, lt=1, description="share of the height, of geometric")
    randaugment_operations: Positive = Field(2, description="for each image")
    randaugment_magnitude: int = Field(9, ge=0, le=30, description="how much each changes")

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


class TrainSection(Section):
    """[train]"""

    seeds: tuple[Seed, ...] = Field((0, 1, 2), description="at least 3 different ones")
    folds: int = Field(
        0, description="also cross-validate each model on so many parts of train; 0: not"
    )
    devices: int = Field(
        0, ge=0, description="GPUs that share each batch of a whole model; 0: all there are"
    )
    mlflow: str = Field(
        "", description="also tell MLflow, for example at sqlite:///mlflow.db; empty: not"
    )
    wandb: WandbMode = Field(
        "", description="also tell Weights & Biases: offline or online; empty: not"
    )
    models: tuple[TrainModelSection, ...] = Field((), examples=[TrainModelSection(name="cnn")])
    sweeps: tuple[SweepSection, ...] = Field(
        (),
        examples=[
            SweepSection(
                model="cnn", space={"learning_rate": RangeSection(low=1e-5, high=1e-2, log=True)}
            )
        ],
    )
    ensembles: tuple[EnsembleSection, ...] = Field(
        (), examples=[EnsembleSection(kind="bagging", models=("cnn",))]
    )

    @property
    def _of_classes(self) -> dict[str, TrainModelSection]:
        """The models that tell classes, not groups of them, by their names."""
        named = zip(name_models(self.models), self.models, strict=True)
        return {name: model for name, model in named if model.learns == "classes"}

    @model_validator(mode="after")
    def _check_ensembles(self) -> Self:
        known = self._of_classes
        for number, ensemble in enumerate(self.ensembles):
            for name in ensemble.models:
                _require_known(name, known, ("ensembles", number, "models"))
        return self

    @model_validator(mode="after")
    def _check_sweeps(self) -> Self:
        known = self._of_classes
        for number, sweep in enumerate(self.sweeps):
            _require_known(sweep.model, known, ("sweeps", number, "model"))
            for key, value in sweep.ends:
                _require_allowed(known[sweep.model], key, value, ("sweeps", number, "space"))
        return self

    @field_validator("folds")
    @classmethod
    def _check_folds(cls, folds: int) -> int:
        if folds < 0 or folds == 1:
            raise ValueError("expected 0 for no cross-validation, or at least 2 folds")
        return folds

    @field_validator("seeds")
    @classmethod
    def _check_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < LEAST_SEEDS:
            raise ValueError(
                f"expected at least {LEAST_SEEDS} different seeds, which tell the data's effect "
                "from chance"
            )
        return seeds


def name_models(models: Sequence[TrainModelSection]) -> list[str]:
    """Name each table by its model, with a number from the second table of a model on.

    Two tables of `cnn` are `cnn` and `cnn 2`.
    """
    seen: Counter[str] = Counter()
    names = []
    for model in models:
        seen[model.name] += 1
        count = seen[model.name]
        names.append(model.name if count == 1 else f"{model.name} {count}")
    return names


def replace_values(model: TrainModelSection, values: Mapping[str, Any]) -> TrainModelSection:
    """Copy a table with other values for some of its keys.

    Raises:
        ValidationError: a key or value that no table may have.
    """
    return TrainModelSection.model_validate({**model.model_dump(exclude_unset=True), **values})


def _require_known(name: str, known: Mapping[str, object], place: Place) -> None:
    if name not in known:
        names, meant = ", ".join(known) or "there is none yet", suggest_name(name, known)
        raise build_located_error(
            place, name, f"no [[train.models]] table is called so; expected {names}{meant}"
        )


def _require_allowed(model: TrainModelSection, key: str, value: Any, place: Place) -> None:
    try:
        replace_values(model, {key: value})
    except ValidationError as error:
        words = describe_expectation(error.errors()[0]["msg"])
        raise build_located_error(place, value, f"{key} of {model.name}: {words}") from error
