"""The policy `certified`: accept as much as an estimated precision of the target allows.

Three things speak for each image: what the teacher takes it for, how likely it shows any of the
classes at all, and the query that found it. Together they give the chance of each class. The mean
of these chances over what is accepted is the estimated precision, and the bound on them is
tightened until it reaches the target. Only an audit (`labeling.audit.audit`) makes a certified
precision of it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Decision, Prediction
from data_registry.vocabulary import Verdict
from labeling.open_set.correction import shift_chances
from labeling.open_set.evidence import Evidence, build_votes
from labeling.policy.policy import SURE, UNLIKE_LABELLED, Policy

ESTIMATE_BELOW = "estimate-below-target"
NONE_OF_THESE = "none-of-these"
LEAST_KNOWN = 0.05  # chance of showing any class below which a person need not look
LEAST_KNOWN_BEYOND_GATE = 0.5  # the same for what is unlike everything labelled


@dataclass(frozen=True)
class Estimate:
    """What all evidence together says of an image.

    Attributes:
        class_name: the likeliest class.
        right: estimated chance that the image shows it.
        known: estimated chance that it shows any of the classes.
    """

    class_name: str
    right: float
    known: float


@dataclass(frozen=True, kw_only=True)
class CertifiedPolicy:
    """Accept by the estimated chance of being right, which all evidence together gives.

    Attributes:
        plain: threshold on confidence, distance gate, and the query's veto: decides where there
            is too little to estimate from.
        evidence: the chance of any class, and the queries' worth.
        target: precision that the accepted images shall have.
        least_right: chance of being right from which an image is accepted.
        estimates: by SHA-256, where they were computed already.
    """

    plain: Policy
    evidence: Evidence
    target: float
    least_right: float = 0.0
    estimates: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The policy in words, as kept with each decision."""
        if not self.evidence.known:
            return f"certified {self.target:g}: {self.plain.words}; too few images to estimate"
        weighed = ", query weighed" if self._weighs_query else ""
        return f"certified {self.target:g}: least chance {self.least_right:.3f}{weighed}"

    @property
    def base(self) -> Policy:
        """What the plain policy still decides: all, or where there are estimates only duplicates.

        A gate distance that is no number stays a reason to reject.
        """
        if not self.evidence.known:
            return self.plain
        return Policy(threshold=0.0, gate_bound=math.inf, heed_query=False)

    @property
    def _weighs_query(self) -> bool:
        return self.evidence.query is not None and self.plain.heed_query

    def estimate(self, prediction: Prediction, query_classes: Collection[str]) -> Estimate:
        """Estimate an image's class, and the chance that it is right."""
        return (
            self.estimates.get(prediction.sha256)
            or self.estimate_all([prediction], {prediction.sha256: query_classes})[
                prediction.sha256
            ]
        )

    def estimate_all(
        self, predictions: Sequence[Prediction], queries: Mapping[str, Collection[str]]
    ) -> dict[str, Estimate]:
        """Estimate many images at once.

        Args:
            predictions: all by one teacher.
            queries: classes whose queries found an image, by SHA-256.
        """
        if not predictions:
            return {}
        class_names = list(predictions[0].probabilities)
        classes = np.array(
            [[item.probabilities[name] for name in class_names] for item in predictions]
        )
        known = np.array([self.evidence.estimate_known(item.sha256) for item in predictions])
        beliefs = np.column_stack([classes * known[:, None], 1 - known])
        if self._weighs_query and self.evidence.query is not None:
            found = [queries.get(item.sha256, ()) for item in predictions]
            beliefs = self.evidence.query.weigh(beliefs, build_votes(found, class_names))
        best = beliefs[:, :-1].argmax(axis=1)
        right = shift_chances(beliefs[np.arange(len(best)), best], self.evidence.correction)
        any_class = beliefs[:, :-1].sum(axis=1)
        return {
            item.sha256: Estimate(class_names[index], float(chance), float(whole))
            for item, index, chance, whole in zip(predictions, best, right, any_class, strict=True)
        }

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
        estimate = self.estimate(prediction, query_classes)
        verdict, reason = self._judge(estimate, prediction)
        return replace(
            first,
            verdict=verdict.value,
            reason=reason,
            class_name=estimate.class_name,
            confidence=estimate.right,
            detail=self._describe(estimate, prediction, query_classes, verdict),
        )

    def _judge(self, estimate: Estimate, prediction: Prediction) -> tuple[Verdict, str]:
        if estimate.known < LEAST_KNOWN:
            return Verdict.REJECTED, NONE_OF_THESE
        beyond = prediction.gate_distance > self.plain.gate_bound
        if beyond and estimate.known < LEAST_KNOWN_BEYOND_GATE:
            return Verdict.REJECTED, UNLIKE_LABELLED
        if estimate.right >= self.least_right:
            return Verdict.ACCEPTED, SURE
        return Verdict.REVIEW, ESTIMATE_BELOW

    def _describe(
        self,
        estimate: Estimate,
        prediction: Prediction,
        query_classes: Collection[str],
        verdict: Verdict,
    ) -> str:
        parts = [
            f"{prediction.class_name} at {prediction.confidence:.3f}",
            f"one of the classes at {estimate.known:.3f}",
        ]
        if self._weighs_query and query_classes:
            asked = ", ".join(sorted(name or "a background query" for name in query_classes))
            parts.append(f"found by {asked}")
        parts.append(f"{estimate.class_name} right at {estimate.right:.3f}")
        below = f", below {self.least_right:.3f}" if verdict == Verdict.REVIEW else ""
        return "; ".join(parts) + below


def tighten_policy(
    policy: CertifiedPolicy,
    predictions: Sequence[Prediction],
    queries: Mapping[str, Collection[str]],
) -> CertifiedPolicy:
    """Set the loosest bound at which the estimated precision reaches the target.

    A bound that the policy has already, from an audit, is never loosened.

    Args:
        policy: with the bound that an audit asks for, or 0.
        predictions: of the pool's images that are no duplicates.
        queries: classes whose queries found an image, by SHA-256.
    """
    if not policy.evidence.known:
        return policy
    estimated = replace(policy, estimates=policy.estimate_all(predictions, queries))
    loose = replace(estimated, least_right=0.0)
    chances = [
        loose.estimates[item.sha256].right
        for item in predictions
        if loose.decide("", item, queries.get(item.sha256, ())).verdict == Verdict.ACCEPTED
    ]
    bound = find_loosest_bound(np.array(chances), policy.target)
    return replace(estimated, least_right=max(bound, policy.least_right))


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
