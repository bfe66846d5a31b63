"""Intervals for proportions and for differences between two arms.

Images of one group are no independent witnesses, so the bootstraps draw whole groups; runs of one
arm differ by their seed, so they draw seeds as well.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float64Array

CONFIDENCE = 0.95
RESAMPLES = 10_000

Correct = npt.NDArray[np.bool_]
Groups = npt.NDArray[Any]


@dataclass(frozen=True)
class Interval:
    """An estimate between two bounds, on the scale of the estimate."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
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
    """

    interval: Interval
    p_value: float
    different_groups: int
    turned: float


def compute_wilson_interval(
    successes: float, trials: int, confidence: float = CONFIDENCE
) -> Interval:
    """Wilson's score interval of a proportion; `successes` may be a mean over several runs.

    Source: E. B. Wilson (1927), J. Am. Stat. Assoc. 22.
    """
    _require_proportion(successes, trials)
    share = successes / trials
    from scipy import stats  # takes half a second, which commands that only look can spare

    z2 = float(stats.norm.ppf((1 + confidence) / 2)) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    # At 0 and 1 rounding may put the bound beyond the estimate itself.
    return Interval(share, min(float(low), share), max(float(high), share))


def compute_exact_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Compute the exact interval of a proportion, which is never too short.

    Source: C. J. Clopper, E. S. Pearson (1934), Biometrika 26.
    """
    _require_proportion(successes, trials)
    from scipy import stats

    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return Interval(successes / trials, float(interval.low), float(interval.high))


def compute_accuracy_interval(correct: Correct, groups: Groups, seed: int = 0) -> Interval:
    """Interval of an accuracy: bootstrap over groups (and runs), never shorter than Wilson's.

    A bootstrap alone would call 10 right out of 10 certain; Wilson's interval over the number of
    groups keeps it honest.

    Args:
        correct: (n,) or (runs, n) booleans.
        groups: (n,) names of the images' groups.
        seed: of the resampling.
    """
    table = _sum_groups(np.atleast_2d(correct).astype(np.float64), groups)
    sizes = _count_group_sizes(groups)
    drawn = _draw_means(table, sizes, seed)
    low, high = np.quantile(drawn, _get_tails())
    estimate = float(np.mean(correct))
    bound = compute_wilson_interval(estimate * len(sizes), len(sizes))
    return Interval(estimate, min(float(low), bound.low), max(float(high), bound.high))


def compute_paired_difference(
    better: Correct, than: Correct, groups: Groups, seed: int = 0
) -> Difference:
    """How much more often `better` is right than `than`, on the same images.

    Args:
        better, than: (runs, n) booleans; row k of both comes from the same seed.
        groups: (n,) names of the images' groups.
        seed: of the resampling.

    Raises:
        ValueError: the shapes differ.
    """
    if better.shape != than.shape or better.shape[-1] != len(groups):
        raise ValueError(f"arms must be paired: {better.shape}, {than.shape}, {len(groups)} groups")
    gains = np.atleast_2d(better).astype(np.float64) - np.atleast_2d(than)
    table = _sum_groups(gains, groups)
    low, high = np.quantile(_draw_means(table, _count_group_sizes(groups), seed), _get_tails())
    net = table.sum(axis=0)
    interval = Interval(float(gains.mean()), float(low), float(high))
    return Difference(
        interval,
        _compute_sign_flip_p_value(net[net != 0], seed),
        int((net != 0).sum()),
        _estimate_turned_share(table.mean(axis=0) / _count_group_sizes(groups)),
    )


def _estimate_turned_share(gains: Float64Array) -> float:
    """See `Difference`; a group's mean square gain is the share that differs, in a single run."""
    apart = float(np.mean(gains**2)) - abs(float(gains.mean()))
    return (max(apart / 2, 0.0) * len(gains) + 0.5) / (len(gains) + 1)


def _get_tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2


def _count_group_sizes(groups: Groups) -> npt.NDArray[np.int64]:
    return np.unique(groups, return_counts=True)[1]


def _sum_groups(values: Float64Array, groups: Groups) -> Float64Array:
    """Sum over each group's images: (runs, n) to (runs, groups)."""
    _, place = np.unique(groups, return_inverse=True)
    return np.stack([np.bincount(place, weights=row) for row in values])


def _draw_means(table: Float64Array, sizes: npt.NDArray[np.int64], seed: int) -> Float64Array:
    """Means over images of RESAMPLES draws of runs and groups, each with replacement."""
    random = np.random.default_rng(seed)
    runs, count = table.shape
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, 1000):  # a thousand at a time keeps memory level
        of_groups = random.multinomial(count, np.full(count, 1 / count), size=1000)
        of_runs = random.multinomial(runs, np.full(runs, 1 / runs), size=1000) / runs
        sums = np.einsum("br,rg,bg->b", of_runs, table, of_groups, optimize=True)
        means[start : start + 1000] = sums / (of_groups @ sizes)
    return means


def _compute_sign_flip_p_value(net: Float64Array, seed: int) -> float:
    """Two-sided paired permutation test; exact where there are few differences."""
    if len(net) < 2:  # no difference, or one, which chance turns either way
        return 1.0
    from scipy import stats

    result = stats.permutation_test(
        (net,),
        lambda values, axis: values.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _require_proportion(successes: float, trials: int) -> None:
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
