"""Query evidence: a search query as an annotator of unknown reliability.

How often a query names the class that an image shows is estimated from the pool itself, by
expectation-maximisation against the teacher's beliefs (Dawid and Skene, 1979), and corrected by
what people answered. An image of none of the classes is found by the query of the class that it
looks like, which is also what the teacher takes it for; so for these images the agreement with
the teacher is estimated, and not the query alone.
"""

from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float64Array
from labeling.teacher.labelled import BoolArray

PRIOR_COUNT = 10.0  # images that the priors count as
PRIOR_RIGHT, PRIOR_NONE = 0.8, 0.5
_STEPS = 60
_EDGE = 0.02  # no query is ever quite certain


@dataclass(frozen=True)
class QueryEvidence:
    """The estimated confusion between query and truth.

    Attributes:
        when_right: chance that a query names the class that an image shows.
        when_none: chance that it names the teacher's class where the image shows none of them.
        answers: people's answers that it rests on, beside the pool itself.
    """

    when_right: float
    when_none: float
    answers: int = 0

    def weigh(self, beliefs: Float64Array, votes: BoolArray) -> Float64Array:
        """Weigh beliefs by the queries that found the images.

        Args:
            beliefs: shape (n, classes + 1), chances; the last column is "none of the classes".
            votes: shape (n, classes + 1), the classes whose queries found an image; the last
                column is a query for the background. A row without votes stays as it is.

        Returns:
            Shape (n, classes + 1), rows sum to 1.
        """
        others = max(beliefs.shape[1] - 2, 1)
        names_teacher = _find_teacher_votes(beliefs, votes)
        count = votes.sum(axis=1, keepdims=True)
        # Every vote is for one class: the image's own, or one of the others.
        hits, misses = self.when_right, (1 - self.when_right) / others
        classes = hits**votes * misses ** (count - votes)
        misses = (1 - self.when_none) / others
        none = self.when_none**names_teacher * misses ** (count[:, 0] - names_teacher)
        weighed = beliefs * np.column_stack([classes[:, :-1], none])
        total: Float64Array = weighed / np.maximum(weighed.sum(axis=1, keepdims=True), 1e-300)
        return total


def estimate_query(
    beliefs: Float64Array, votes: BoolArray, truth: Float64Array, is_answered: BoolArray
) -> QueryEvidence:
    """Estimate how often queries name the truth, and the teacher's class where there is none.

    Images that might be accepted say most of the look-alikes among them, so "none" is weighted
    by the chance, before any query, that the image shows one of the classes.

    Args:
        beliefs: shape (n, classes + 1), before any query, by heads that did not learn the answers.
        votes: shape (n, classes + 1), see `QueryEvidence.weigh`.
        truth: shape (n, classes + 1), one-hot where people answered; other rows are not read.
        is_answered: shape (n,).
    """
    voted = votes.any(axis=1)
    beliefs, votes, truth = beliefs[voted], votes[voted], truth[voted]
    is_answered = is_answered[voted]
    names_teacher, count = _find_teacher_votes(beliefs, votes), votes.sum(axis=1)
    plausible = beliefs[:, :-1].sum(axis=1)
    answers = int(is_answered.sum())
    evidence = QueryEvidence(PRIOR_RIGHT, PRIOR_NONE, answers)
    for _ in range(_STEPS):
        weighed = np.where(is_answered[:, None], truth, evidence.weigh(beliefs, votes))
        named = (weighed[:, :-1] * votes[:, :-1]).sum()
        right = _shrink(named, (weighed[:, :-1].sum(axis=1) * count).sum(), PRIOR_RIGHT)
        none = weighed[:, -1] * plausible
        agreeing = _shrink((none * names_teacher).sum(), (none * count).sum(), PRIOR_NONE)
        # A query never speaks against what it names.
        evidence = QueryEvidence(right, min(agreeing, right), answers)
    return evidence


def _find_teacher_votes(beliefs: Float64Array, votes: BoolArray) -> BoolArray:
    teacher = beliefs[:, :-1].argmax(axis=1)
    found: BoolArray = votes[np.arange(len(votes)), teacher]
    return found


def _shrink(part: float, whole: float, prior: float) -> float:
    share = (part + PRIOR_COUNT * prior) / (whole + PRIOR_COUNT)
    return float(np.clip(share, _EDGE, 1 - _EDGE))
