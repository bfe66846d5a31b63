"""[train]: what is trained, and how often."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from data_registry.text.wording import suggest_name
from flows.config.sections.model_section import TrainModelSection, replace_values
from flows.config.sections.search_section import EnsembleSection, RangeSection, SweepSection
from flows.config.sections.section import Place, Section, Seed, build_located_error
from flows.config.sections.setting import define_setting
from flows.config.validation.expected_words import describe_expectation
from train.choices import (
    SEEDS,
    WandbMode,
)
from train.tracking.tracking_settings import Tracking

LEAST_SEEDS = 3


class TrainSection(Section):
    """[train]"""

    seeds: tuple[Seed, ...] = Field(SEEDS, description="at least 3 different ones")
    folds: int = Field(
        0, description="also cross-validate each model on so many parts of train; 0: not"
    )
    devices: int = Field(
        0, ge=0, description="GPUs that share each batch of a whole model; 0: all there are"
    )
    mlflow: str = define_setting(
        Tracking, "mlflow", "also log to MLflow, for example at sqlite:///mlflow.db; empty: not"
    )
    wandb: WandbMode = define_setting(
        Tracking, "wandb", "also log to Weights & Biases: offline or online; empty: not"
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
    def _check_seeds(cls, seeds: tuple[Seed, ...]) -> tuple[int, ...]:
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
