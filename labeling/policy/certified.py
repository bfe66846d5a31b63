"""The policy `certified`: accept as much as an estimated precision of the target allows.

Beside the plain threshold on the teacher's confidence it asks how likely an image shows any of the
classes at all, and what its query says. These chances are estimates; their mean over what is
accepted is the estimated precision, and the bound on them is tightened until it reaches the
target. Only an audit (`labeling.audit.audit`) makes a certified precision of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Decision, Prediction
from data_registry.vocabulary import Verdict
from labeling.open_set.evidence import Evidence
from labeling.policy.policy import Policy

ESTIMATE_BELOW = "estimate-below-target"
NONE_OF_THESE = "none-of-these"
LEAST_KNOWN = 0.05  # chance of showing any class below which a person need not look


@dataclass(frozen=True)
class CertifiedPolicy:
    """The threshold, tightened by everything that is known of the pool.

    Attributes:
        plain: threshold on confidence, distance gate, and the query's veto.
        evidence: the learnt gate and the query's weight.
        target: precision that the accepted images shall have.
        least_right: chance of being right from which an image is accepted.
    """

    plain: Policy
    evidence: Evidence
    target: float
    least_right: float = 0.0

    @property
    def words(self) -> str:
        """The policy in words, as kept with each decision."""
        if not self.evidence.known:
            return f"certified {self.target:g}: {self.plain.words}; too few images to estimate"
        bound = f"least chance {self.least_right:.3f}"
        return f"certified {self.target:g}: {self.plain.words}, {bound}"

    @property
    def base(self) -> Policy:
        """The plain policy; once answers say what a query is worth, it weighs instead of vetoes."""
        query = self.evidence.query
        weighs = query is not None and query.is_factor
        return replace(self.plain, heed_query=False) if weighs else self.plain

    def compute_chance_right(self, prediction: Prediction, query_classes: Collection[str]) -> float:
        """Estimate the chance that the image is what the teacher says."""
        chance = prediction.confidence * self.evidence.estimate_known(prediction.sha256)
        query = self.evidence.query
        if query is None or not query.is_factor or not self.plain.heed_query:
            return chance
        agrees = np.array([prediction.class_name in query_classes])
        factor = float(query.compute_odds(agrees, np.array([bool(query_classes)]))[0])
        return chance * factor / (chance * factor + 1 - chance)

    def decide(
        self,
        teacher_id: str,
        prediction: Prediction,
        query_classes: Collection[str] = (),
        copy_of: str = "",
        copy_split: str = "",
    ) -> Decision:
        """Decide on one image of the pool; see `labeling.policy.policy.Policy.decide`."""
        first = self.base.decide(teacher_id, prediction, query_classes, copy_of, copy_split)
        first = replace(first, policy=self.words)
        if first.verdict == Verdict.REJECTED or not self.evidence.known:
            return first
        known = self.evidence.estimate_known(prediction.sha256)
        if known < LEAST_KNOWN:
            words = (
                f"{prediction.class_name} at {prediction.confidence:.3f}, but one of the classes"
            )
            return _change_verdict(
                first, Verdict.REJECTED, NONE_OF_THESE, f"{words} at only {known:.3f}"
            )
        right = self.compute_chance_right(prediction, query_classes)
        parts = f"{first.detail}; one of the classes at {known:.3f}, right at {right:.3f}"
        if first.verdict == Verdict.ACCEPTED and not right >= self.least_right:
            return _change_verdict(
                first, Verdict.REVIEW, ESTIMATE_BELOW, f"{parts}, below {self.least_right:.3f}"
            )
        return replace(first, confidence=right, detail=parts)


def tighten_policy(
    policy: CertifiedPolicy,
    predictions: Sequence[Prediction],
    queries: Mapping[str, Collection[str]],
) -> CertifiedPolicy:
    """Set the loosest bound at which the estimated precision reaches the target.

    A bound that the policy has already, from an audit, is never loosened.

    Args:
        policy: with the bound that an audit asks for, or 0.
        predictions: of the pool's images that are no copies.
        queries: classes whose queries found an image, by SHA-256.
    """
    if not policy.evidence.known:
        return policy
    open_policy = replace(policy, least_right=0.0)
    chances = [
        open_policy.compute_chance_right(item, queries.get(item.sha256, ()))
        for item in predictions
        if open_policy.decide("", item, queries.get(item.sha256, ())).verdict == Verdict.ACCEPTED
    ]
    bound = find_loosest_bound(np.array(chances), policy.target)
    return replace(policy, least_right=max(bound, policy.least_right))


def find_loosest_bound(chances: Float64Array, target: float) -> float:
    """Find the least chance to accept, so that the mean of all accepted is at least `target`.

    Args:
        chances: shape (n,), of what else would be accepted.
        target: of their mean.

    Returns:
        One of the chances; above 1 where even the best one alone stays below the target.
    """
    ordered = np.sort(chances)[::-1]
    means = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    enough = np.flatnonzero(means >= target)
    return float(ordered[enough[-1]]) if len(enough) else 1.01


def _change_verdict(decision: Decision, verdict: Verdict, reason: str, detail: str) -> Decision:
    return replace(decision, verdict=verdict.value, reason=reason, detail=detail)
