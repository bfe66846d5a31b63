"""Intervals for proportions and for differences between two arms.

Images of one group are no independent witnesses, so variances are over groups; runs of one arm
differ by their seed, so the variance over seeds is added (`train.evaluation.variance_parts`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float64Array
from train.evaluation.variance_parts import CONFIDENCE, VarianceParts, compute_variance_parts

Correct = npt.NDArray[np.bool_]
Groups = npt.NDArray[Any]


@dataclass(frozen=True)
class Interval:
    """An estimate between two bounds, on the scale of the estimate."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Accuracy of one arm less that of another on the same images.

    Attributes:
        interval: on the scale 0-1.
        p_value: of the hypothesis that the arms are alike: groups' differences flip signs.
        different_groups: groups that one arm does better than the other.
        turned: share of the groups that turn from right to wrong although the arm is no worse. Of a
            single run each it is the share that gets worse; of several, the share of a single
            run's that would scatter as their mean does. Half a group is added, since none seen
            does not mean none.
        parts: where the interval's width comes from.
    """

    interval: Interval
    p_value: float
    different_groups: int
    turned: float
    parts: VarianceParts


def compute_wilson_interval(
    successes: float, trials: int, confidence: float = CONFIDENCE
) -> Interval:
    """Wilson's score interval of a proportion; `successes` may be a mean over several runs.

    Source: E. B. Wilson (1927), J. Am. Stat. Assoc. 22.
    """
    _require_proportion(successes, trials)
    return _bound_proportion(successes / trials, trials, confidence)


def _bound_proportion(share: float, trials: float, confidence: float) -> Interval:
    """Wilson's bounds; `trials` may be an effective number."""
    z2 = _compute_normal_deviate(confidence) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    # At 0 and 1 rounding may put the bound beyond the estimate itself.
    return Interval(share, min(float(low), share), max(float(high), share))


def _compute_normal_deviate(confidence: float = CONFIDENCE) -> float:
    from scipy import stats  # takes half a second, which commands that only look can spare

    return float(stats.norm.ppf((1 + confidence) / 2))


def compute_exact_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Compute the exact interval of a proportion, which is never too short.

    Source: C. J. Clopper, E. S. Pearson (1934), Biometrika 26.
    """
    _require_proportion(successes, trials)
    from scipy import stats

    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return Interval(successes / trials, float(interval.low), float(interval.high))


def compute_accuracy_interval(correct: Correct, groups: Groups) -> Interval:
    """Interval of an accuracy over groups and runs, never shorter than Wilson's over the groups.

    Args:
        correct: (n,) or (runs, n) booleans.
        groups: (n,) names of the images' groups.
    """
    table = _sum_groups(np.atleast_2d(correct).astype(np.float64), groups)
    sizes = _count_group_sizes(groups)
    half = compute_variance_parts(table, [table], sizes).compute_half_width()
    estimate, count = float(np.mean(correct)), len(sizes)
    bound, wider = (
        compute_wilson_interval(estimate * count, count),
        bound_share(estimate, half, count),
    )
    return Interval(estimate, min(wider.low, bound.low), max(wider.high, bound.high))


def bound_share(share: float, half_width: float, most: float) -> Interval:
    """Wilson's interval for the independent images whose share would be as uncertain.

    Source: E. L. Korn, B. I. Graubard (1998), Survey Methodology 24.

    Args:
        share: the estimate, 0-1.
        half_width: half of its interval's width by Student's t; 0 where nothing differs.
        most: independent images at most.
    """
    if half_width:
        deviations = _compute_normal_deviate() / half_width
        most = min(most, share * (1 - share) * deviations**2)
    return _bound_proportion(share, most, CONFIDENCE)


def compute_paired_difference(
    better: Correct, than: Correct, groups: Groups, confidence: float = CONFIDENCE
) -> Difference:
    """How much more often `better` is right than `than`, on the same images.

    Args:
        better, than: (runs, n) booleans; row k of both comes from the same seed.
        groups: (n,) names of the images' groups.
        confidence: of the interval.

    Raises:
        ValueError: the shapes differ.
    """
    if better.shape != than.shape or better.shape[-1] != len(groups):
        raise ValueError(f"arms must be paired: {better.shape}, {than.shape}, {len(groups)} groups")
    arms = [_sum_groups(np.atleast_2d(arm).astype(np.float64), groups) for arm in (better, than)]
    table, sizes = arms[0] - arms[1], _count_group_sizes(groups)
    parts = compute_variance_parts(table, arms, sizes)
    net = table.sum(axis=0)
    return Difference(
        interval=_bound_difference(table.mean(axis=0), sizes, parts, confidence),
        p_value=_compute_sign_flip_p_value(net),
        different_groups=int((net != 0).sum()),
        turned=_estimate_turned_share(table.mean(axis=0) / sizes),
        parts=parts,
    )


def _bound_difference(
    gains: Float64Array, sizes: npt.NDArray[np.int64], parts: VarianceParts, confidence: float
) -> Interval:
    """Join the interval over groups and seeds with Bonett and Price's over groups.

    The latter adds a group won and a group lost, so that few differences, or none, do not look
    certain: D. G. Bonett, R. M. Price (2012), J. Educ. Behav. Stat. 37.
    """
    estimate, half = float(gains.sum() / sizes.sum()), parts.compute_half_width(confidence)
    padded = np.append(gains * len(gains) / sizes.sum(), [1.0, -1.0])
    reach = _compute_normal_deviate(confidence) * float(padded.std()) / np.sqrt(len(padded))
    centre = float(padded.mean())
    low, high = min(estimate - half, centre - reach), max(estimate + half, centre + reach)
    return Interval(estimate, max(low, -1.0), min(high, 1.0))


def _estimate_turned_share(gains: Float64Array) -> float:
    """See `Difference`; a group's mean square gain is the share that differs, in a single run."""
    apart = float(np.mean(gains**2)) - abs(float(gains.mean()))
    return (max(apart / 2, 0.0) * len(gains) + 0.5) / (len(gains) + 1)


def _count_group_sizes(groups: Groups) -> npt.NDArray[np.int64]:
    return np.unique(groups, return_counts=True)[1]


def _sum_groups(values: Float64Array, groups: Groups) -> Float64Array:
    """Sum over each group's images: (runs, n) to (runs, groups)."""
    _, place = np.unique(groups, return_inverse=True)
    return np.stack([np.bincount(place, weights=row) for row in values])


def _compute_sign_flip_p_value(net: Float64Array) -> float:
    """Two-sided p-value of the exact test in which chance flips each group's net gain.

    Net gains are whole numbers, so the distribution of their sum is that of a few binomial ones
    added up; nothing is drawn. Where every gain is one image, this is McNemar's exact test.
    """
    from scipy import stats

    sizes, counts = np.unique(np.abs(np.rint(net[net != 0])).astype(np.int64), return_counts=True)
    chances = np.ones(1)  # of every sum, from the least to the largest in steps of two
    for size, count in zip(sizes, counts, strict=True):
        own = np.zeros(size * count + 1)
        own[::size] = stats.binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, own)
    extreme = (len(chances) - 1 + round(abs(float(net.sum())))) // 2
    return min(2 * float(chances[extreme:].sum()), 1.0)


def _require_proportion(successes: float, trials: int) -> None:
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
