"""Is one model better than another, where several are compared: exact McNemar, and Holm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from train.evaluation.intervals import Correct, Groups


@dataclass(frozen=True)
class McNemar:
    """The exact test of two models on the same images.

    Attributes:
        first_alone, second_alone: groups that one model does better than the other.
        p_value: two-sided, of the hypothesis that either is as likely.
    """

    first_alone: int
    second_alone: int
    p_value: float


def compute_mcnemar(first: Correct, second: Correct, groups: Groups) -> McNemar:
    """Exact McNemar test, each group of images counted once.

    With groups of one image each this is the test of Q. McNemar (1947), Psychometrika 12. Copies
    of an image are right or wrong together, so a group speaks once: for the model that gets more
    of it right.

    Args:
        first, second: (n,) booleans, on the same images.
        groups: (n,) names of the images' groups.
    """
    _, place = np.unique(groups, return_inverse=True)
    gain = np.bincount(place, weights=first.astype(np.float64) - second)
    won, lost = int((gain > 0).sum()), int((gain < 0).sum())
    p_value = float(stats.binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return McNemar(won, lost, p_value)


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple tests, so that the family-wise error stays below 5 %.

    Source: S. Holm (1979), Scand. J. Statist. 6.
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    ordered = np.minimum(np.maximum.accumulate(np.array(p_values)[order] * factors), 1.0)
    adjusted = np.empty(len(p_values))
    adjusted[order] = ordered
    return [float(value) for value in adjusted]
