"""What a sweep searches, and how; imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass

from train.choices import SamplerName


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, both included; whole ones where both bounds are whole.

    Attributes:
        log: drawn evenly over magnitudes.
        step: distance between the numbers that may be drawn; None: any.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None


@dataclass(frozen=True)
class Choices:
    """One of several texts, numbers or booleans."""

    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """How to search.

    Attributes:
        space: the settings that are searched, and where.
        trials: how many in all, earlier ones of the same sweep included.
        sampler: ``"tpe"`` (Bergstra et al. 2011) or ``"random"``.
        pruning: end a trial whose loss is above the median of the earlier ones at the same place.
        patient_until: the last place at which no trial is ended.
        seed: of the sampler.
    """

    space: Mapping[str, Range | Choices]
    trials: int = 20
    sampler: SamplerName = "tpe"
    pruning: bool = True
    patient_until: int = 0
    seed: int = 0
