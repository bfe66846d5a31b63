"""What the answers to a random sample certify, and how many answers that takes.

Several thresholds may be tried on one sample without paying for each, if their order was fixed
before any answer and the first that fails ends it: fixed-sequence testing, as in Learn then Test
(Angelopoulos, Bates, Candès, Jordan and Lei, 2021). Here it goes from the surest part of what is
accepted to all of it, and each part is tested by the exact bound of Clopper and Pearson.
"""

from collections.abc import Sequence

import numpy as np

from data_registry.arrays import Float64Array
from labeling.teacher.labelled import BoolArray
from train.evaluation.intervals import compute_exact_interval

DELTA = 0.05  # chance that a certificate is wrong
PARTS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of the accepted, the surest first


def compute_lower_bound(right: int, drawn: int) -> float:
    """Precision that is no higher than the true one, but for a chance of `DELTA`; one-sided."""
    return compute_exact_interval(right, drawn, 1 - 2 * DELTA).low


def compute_best_certificate(drawn: int) -> float:
    """Compute the precision that a sample of this size certifies where no answer is wrong."""
    return compute_lower_bound(drawn, drawn)


def count_answers_needed(target: float, wrong: int = 0) -> int:
    """Find the least sample that certifies the target with so many wrong answers.

    59 without an error certify 0.95; 93 with one.

    Args:
        target: precision to certify, below 1.
        wrong: images in the sample that were accepted wrongly.
    """
    drawn = wrong + 1
    while compute_lower_bound(drawn - wrong, drawn) < target:
        drawn += 1
    return drawn


def select_parts(drawn: int, target: float) -> tuple[float, ...]:
    """List the parts that a sample of this size could certify, fixed before the first answer.

    A part is left out where its share of the sample would be too small even without an error,
    since it would fail and end the sequence. All of it is tested in any case.
    """
    least = count_answers_needed(target)
    return tuple(part for part in PARTS if part == 1.0 or drawn * part >= 1.1 * least)


def find_certified_part(ranks: Float64Array, right: BoolArray, target: float) -> float | None:
    """Find the largest part of the accepted images that a fully answered sample certifies.

    Args:
        ranks: shape (n,), where each drawn image stands among the accepted: 0 the surest, 1 last.
        right: shape (n,), whether it was accepted rightly.
        target: precision to certify.

    Returns:
        One of `PARTS`, or None where not even the first of them reached the target.
    """
    certified = None
    for part in select_parts(len(right), target):
        inside = ranks <= part
        if (
            not inside.any()
            or compute_lower_bound(int(right[inside].sum()), int(inside.sum())) < target
        ):
            break
        certified = part
    return certified


def compute_ranks(chances: Sequence[float], among: Sequence[float]) -> Float64Array:
    """Where chances stand among all the accepted's: 0 the highest, 1 the lowest.

    Args:
        chances: of the drawn.
        among: of all that are accepted.
    """
    ordered = np.sort(-np.asarray(among, dtype=np.float64))
    places = np.searchsorted(ordered, -np.asarray(chances, dtype=np.float64), side="right")
    ranks: Float64Array = places / len(ordered)
    return ranks
