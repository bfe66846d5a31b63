"""Query evidence: how often a query agrees with the teacher, right or wrong.

`P(query | truth)` alone would say too much: an image of none of the classes is found by the query
of the class it looks like, which is also what the teacher takes it for. So the confusion is kept
given the teacher's class: how often the query names it where that is the truth, and where not.
"""

from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float64Array
from labeling.teacher.labelled import BoolArray

# What the pool says without answers counts as much as so many answers of each kind.
PRIOR_ANSWERS = 10.0
LEAST_ANSWERS = 20  # before these a query vetoes and is no factor
_EDGE = 0.02  # no query is ever quite certain


@dataclass(frozen=True)
class QueryEvidence:
    """The estimated confusion between query and truth, given what the teacher says.

    Attributes:
        when_right: chance that the query names the teacher's class where that is the truth.
        when_wrong: the same where it is not.
        answers: people's answers it rests on; without enough of them a query only vetoes.
    """

    when_right: float
    when_wrong: float
    answers: int

    @property
    def is_factor(self) -> bool:
        """Whether enough answers stand behind it to weigh with it."""
        return self.answers >= LEAST_ANSWERS

    def compute_odds(self, agrees: BoolArray, asked: BoolArray) -> Float64Array:
        """Compute factors of the odds that the teacher is right, shape (n,); 1 without a query.

        Args:
            agrees: shape (n,), whether a query names the teacher's class.
            asked: shape (n,), whether any query is known.
        """
        for_it = self.when_right / self.when_wrong
        against = (1 - self.when_right) / (1 - self.when_wrong)
        factors: Float64Array = np.where(asked, np.where(agrees, for_it, against), 1.0)
        return factors


def estimate_query(
    right: Float64Array,
    agrees: BoolArray,
    answered_right: BoolArray,
    answered_agrees: BoolArray,
) -> QueryEvidence:
    """Estimate from the pool's own chances and from what people answered.

    Args:
        right: shape (n,), the chance that the teacher is right on each sure pool image that a
            query found, by everything but the query.
        agrees: shape (n,), whether its query names the teacher's class.
        answered_right: shape (m,), the same images where people answered: whether the teacher was
            right by a head that did not learn the answer.
        answered_agrees: shape (m,).
    """
    shares = [
        _estimate_share(weight, agrees, mask, answered_agrees)
        for weight, mask in ((right, answered_right), (1 - right, ~answered_right))
    ]
    when_right, when_wrong = shares
    # A query that agrees never speaks against the teacher.
    return QueryEvidence(max(when_right, when_wrong), when_wrong, len(answered_right))


def _estimate_share(
    weight: Float64Array, agrees: BoolArray, mask: BoolArray, answered: BoolArray
) -> float:
    total = float(weight.sum())
    of_pool = float((weight * agrees).sum()) / total if total > 0 else 0.5
    agreeing = int((mask & answered).sum())
    share = (PRIOR_ANSWERS * of_pool + agreeing) / (PRIOR_ANSWERS + int(mask.sum()))
    return min(max(share, _EDGE), 1 - _EDGE)
