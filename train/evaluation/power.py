"""What a test set can show: the power of comparing two models on the same images."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from train.evaluation.intervals import Difference
from train.evaluation.variance_parts import VarianceParts

POWER = 0.8  # a difference that is there should be found in four of five trials
LEVEL = 0.05
_TARGETS = (0.05, 0.02, 0.01, 0.005)  # differences worth asking for, the largest first
_MOST_GROUPS = 10_000_000


def compute_paired_power(groups: int, gained: float, lost: float) -> float:
    """Compute the chance that the exact McNemar test finds the first model better, at 5 %.

    The number of groups on which the models differ is binomial; given it, the groups won are
    binomial too, and the test's critical value is exact. The power is the sum over both: the exact
    unconditional power of the conditional test, S. W. Duffy (1984), Biometrics 40, 1005-1015.

    Args:
        groups: independent test images, or groups of copies.
        gained: share of them that the first model alone gets right.
        lost: share of them that the second model alone gets right.
    """
    differing = gained + lost
    if not 0 < differing <= 1 or gained < 0 or lost < 0:
        raise ValueError(f"gained {gained:g} and lost {lost:g} are no shares of one set")
    counts = np.arange(groups + 1)
    # Smallest number won whose two-sided p-value is below the level; above the count: never.
    critical = stats.binom.isf(LEVEL / 2, counts, 0.5) + 1
    found = stats.binom.sf(critical - 1, counts, gained / differing)
    return float(np.sum(stats.binom.pmf(counts, groups, differing) * found))


def find_smallest_difference(groups: int, lost: float = 0.0) -> float | None:
    """Find the smallest difference in accuracy that is found with `POWER`, or None.

    Args:
        groups: independent test images, or groups of copies.
        lost: share of them that turn from right to wrong all the same.
    """
    low, high = 0.0, 1 - 2 * lost
    if high <= 0 or compute_paired_power(groups, lost + high, lost) < POWER:
        return None
    while high - low > 0.0005:
        middle = (low + high) / 2
        enough = compute_paired_power(groups, lost + middle, lost) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


def count_groups_needed(difference: float, lost: float = 0.0) -> int | None:
    """How many groups find a difference with `POWER`; None beyond what anybody collects."""
    if difference + 2 * lost > 1:
        return None
    low, high = 0, 8
    while compute_paired_power(high, lost + difference, lost) < POWER:
        low, high = high, 2 * high
        if high > _MOST_GROUPS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = compute_paired_power(middle, lost + difference, lost) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


@dataclass(frozen=True, kw_only=True)
class DetectionLimit:
    """What would settle whether one model is better than another.

    Attributes:
        image_count, group_count: of the test set.
        lost: share of the groups that turn from right to wrong: measured, or 0 as the best case.
        is_measured: whether `lost` comes from a comparison.
        visible: the smallest difference that is found with `POWER`; None where there is none.
        target: a smaller difference that is worth asking for.
        more: groups of test images that are missing to find it; None beyond reason, or where the
            seeds vary so much that no number of images shows it.
        seed_count: seeds of the comparison; 1 before any.
        seed_share: share of its variance that they cause, 0-1.
        seeds_advised: how many to train where they cause most of it; else None.
    """

    image_count: int
    group_count: int
    lost: float
    is_measured: bool
    visible: float | None
    target: float
    more: int | None
    seed_count: int
    seed_share: float
    seeds_advised: int | None

    @property
    def sentence(self) -> str:
        """For example "40 test images cannot show less than 19 points; at least 120 more …"."""
        size = f"{self.image_count:,} test image{'s' * (self.image_count != 1)}"
        if self.group_count != self.image_count:
            size += f" in {self.group_count:,} group{'s' * (self.group_count != 1)}"
        if self.visible is None:
            limit = f"{size} cannot show any difference"
        else:
            limit = f"{size} cannot show less than {_format_points(self.visible)}"
        if self.seed_count > 1:
            limit += f" with {self.seed_count} seeds"
        return f"{limit}{self._more} (in 4 of 5 trials, {self._assumption}){self._seeds}"

    @property
    def is_small(self) -> bool:
        """Whether a difference that matters may stay unseen."""
        return self.visible is None or self.visible > _TARGETS[0]

    @property
    def _more(self) -> str:
        if self.more is None:
            return ""
        at_least = "about" if self.is_measured else "at least"
        verb = "would show" if self.is_measured else "are needed to show"
        return f"; {at_least} {self.more:,} more {verb} {100 * self.target:g}"

    @property
    def _assumption(self) -> str:
        if self.is_measured:
            return f"where {100 * self.lost:.1f} % turn from right to wrong, as here"
        return "if none turns from right to wrong"

    @property
    def _seeds(self) -> str:
        if self.seeds_advised is None:
            return ""
        return f". {describe_seed_share(self.seed_share, self.seeds_advised)}"


def describe_seed_share(seed_share: float, seeds_advised: int) -> str:
    """Recommend more seeds where they cause most of the uncertainty."""
    return (
        f"The seeds cause {100 * seed_share:.0f} % of the uncertainty: train with "
        f"{seeds_advised} (`[train] seeds`) before you collect more test images"
    )


def compute_detection_limit(
    image_count: int, group_count: int, difference: Difference | None = None
) -> DetectionLimit:
    """Compute what a test set of this size can show, and how many more images show less.

    Args:
        image_count, group_count: of the test set; copies of an image are one group.
        difference: of a comparison on it; None before any: the best case, in which no image turns
            from right to wrong and seeds do not matter.
    """
    lost = 0.0 if difference is None else difference.turned
    parts = None if difference is None else difference.parts
    visible = find_smallest_difference(group_count, lost) if group_count else None
    if visible is not None and parts is not None:
        visible = max(visible, _find_visible(parts))
    target = next((each for each in _TARGETS if visible is None or each < visible), _TARGETS[-1])
    wanted = _count_groups(target, lost, parts)
    more = None if wanted is None else _round_up(max(wanted - group_count, 1))
    return DetectionLimit(
        image_count=image_count,
        group_count=group_count,
        lost=lost,
        is_measured=difference is not None,
        visible=visible,
        target=target,
        more=more,
        seed_count=1 if parts is None else parts.seed_count,
        seed_share=0.0 if parts is None else parts.seed_share,
        seeds_advised=None if parts is None else parts.advise_seeds(),
    )


def _find_visible(parts: VarianceParts) -> float:
    """Find the difference whose interval leaves 0 out with `POWER`, by Student's t."""
    beyond = float(stats.t.ppf(POWER, parts.freedom)) * math.sqrt(parts.total)
    return min(parts.compute_half_width() + beyond, 1.0)


def _count_groups(target: float, lost: float, parts: VarianceParts | None) -> int | None:
    """How many groups find the target by the exact test and by the interval."""
    wanted = count_groups_needed(target, lost)
    if wanted is None or parts is None or parts.seed_count == 1:
        return wanted
    while _find_visible(parts.scale_groups(wanted)) > target:
        wanted = math.ceil(1.1 * wanted)
        if wanted > _MOST_GROUPS:
            return None
    return wanted


def _round_up(count: int) -> int:
    """Up to two digits, since nobody knows a third one of them."""
    unit = int(10 ** max(math.floor(math.log10(count)) - 1, 0))
    return math.ceil(count / unit) * unit


def _format_points(share: float) -> str:
    """Never less than can be shown."""
    points = 100 * share
    rounded = math.ceil(points) if points >= 10 else math.ceil(10 * points) / 10
    return f"{rounded:g} points"
