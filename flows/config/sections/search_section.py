"""[[train.sweeps]] and [[train.ensembles]]: what is searched, and what votes together."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from flows.config.sections.section import Positive, Section, Seed
from flows.config.sections.setting import define_setting
from train.choices import SamplerName
from train.experiments.sweep_settings import Range, SweepSettings

Value = str | bool | int | float


class RangeSection(Section):
    """Numbers from low to high; whole numbers where both are whole"""

    low: int | float = define_setting(Range, "low", "smallest", default=...)
    high: int | float = define_setting(Range, "high", "largest", default=...)
    log: bool = define_setting(Range, "log", "evenly over magnitudes")
    step: int | float | None = define_setting(
        Range, "step", "between the numbers that are tried", gt=0
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low:g} is not below high = {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError("log = true needs low above 0: there is no magnitude of 0")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other: leave one of them out")
        return self

    @property
    def ends(self) -> tuple[Value, ...]:
        """Its bounds."""
        return self.low, self.high


class SweepSection(Section):
    """[[train.sweeps]]"""

    model: str = Field(
        min_length=1,
        description='the name in a [[train.models]] table; the second of a name is "cnn 2"',
    )
    space: dict[str, RangeSection | tuple[Value, ...]] = Field(
        description="keys of that table: { low, high, log, step }, or a list of choices"
    )
    trials: Positive = define_setting(
        SweepSettings, "trials", "settings that are tried; more later go on from these"
    )
    objective: Literal["validation", "folds"] = Field(
        "validation", description="images that decide: validation, or held-out folds of train"
    )
    folds: int = Field(5, ge=2, description="of objective folds")
    sampler: SamplerName = define_setting(
        SweepSettings, "sampler", "tpe (learns from earlier trials), random"
    )
    pruning: bool = define_setting(
        SweepSettings, "pruning", "end trials that fall behind the others' median"
    )
    seed: Seed = define_setting(SweepSettings, "seed", "another seed tries other settings")

    @field_validator("space")
    @classmethod
    def _check_space(cls, space: dict[str, Any]) -> dict[str, Any]:
        if not space:
            raise ValueError("name at least one key, such as learning_rate")
        for key, where in space.items():
            if isinstance(where, tuple) and len(set(where)) < 2:
                raise ValueError(f"{key}: expected at least two different choices")
        return space

    @property
    def ends(self) -> list[tuple[str, Value]]:
        """Each key with every choice, or with both bounds."""
        return [
            (key, value)
            for key, where in self.space.items()
            for value in (where.ends if isinstance(where, RangeSection) else where)
        ]


class EnsembleSection(Section):
    """[[train.ensembles]]"""

    kind: Literal["vote", "bagging", "folds", "snapshots"] = Field(
        description="vote (of different models), bagging (bootstrap of groups), folds, snapshots"
    )
    models: tuple[str, ...] = Field(
        description="[[train.models]] tables: several of kind vote, one of the others"
    )
    members: int = Field(5, ge=2, description="of bagging, folds and snapshots")
    seed: Seed = Field(0, description="of bagging's draws")

    @model_validator(mode="after")
    def _check_model_count(self) -> Self:
        if self.kind == "vote" and len(set(self.models)) < 2:
            raise ValueError("a vote takes at least two different models")
        if self.kind != "vote" and len(self.models) != 1:
            raise ValueError(f"{self.kind} takes one model, whose members differ in what they see")
        return self
