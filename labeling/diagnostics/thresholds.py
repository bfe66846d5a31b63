"""What other thresholds would accept, from strict to loose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Decision
from data_registry.vocabulary import Verdict
from labeling.diagnostics.reliability import OutOfFold, build_out_of_fold, compute_weighted_interval
from labeling.policy.caps import CLASS_IS_FULL
from labeling.policy.certified import CertifiedPolicy
from labeling.policy.policy import Policy
from labeling.rounds.round import Round

MOST_STEPS = 120
_ABOVE_ALL = 1.01  # a threshold that nothing reaches


@dataclass(frozen=True, kw_only=True)
class ThresholdCandidate:
    """A pool image that nothing but the threshold, or its class's cap, keeps from being accepted.

    Attributes:
        score: what the threshold is compared with: `chance`, or just below the round's threshold
            where the policy holds the image back although its chance is good enough.
        chance: the estimated chance of being right, or the teacher's confidence where nothing
            could be estimated.
        rank: among the candidates of its class, 1 for the surest.
        detail: the decision's reason in words.
    """

    sha256: str
    class_name: str
    score: float
    chance: float
    rank: int
    detail: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One threshold and what it accepts.

    Attributes:
        threshold: least score that is accepted.
        accepted: images, by class.
        precision: estimated, of the accepted; None where nothing can be said.
        low, high: of the precision.
    """

    threshold: float
    accepted: Mapping[str, int]
    precision: float | None
    low: float
    high: float

    @property
    def count(self) -> int:
        """Images accepted."""
        return sum(self.accepted.values())


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """All steps, and the images that they let pass.

    Attributes:
        candidates: the surest first.
        steps: from strict to loose.
        standing: the index in `steps` of the round's own threshold.
        estimated: whether scores are estimated chances of being right. Then a step's precision is
            their mean, with the 95 % range of what it would be if every chance were exact; else it
            is that of labelled images out of fold, with its 95 % interval.
        most: images accepted of each class at most; a class that is not named has no limit.
    """

    candidates: tuple[ThresholdCandidate, ...]
    steps: tuple[Step, ...]
    standing: int
    estimated: bool
    most: Mapping[str, int]


def compute_thresholds(
    current: Round,
    policy: Policy | CertifiedPolicy,
    decisions: Sequence[Decision],
    most: Mapping[str, int],
) -> Thresholds:
    """Every threshold between accepting nothing and accepting all that only it holds back.

    Args:
        current: the round.
        policy: that decided.
        decisions: one an image of the pool.
        most: caps, see `labeling.caps.most_accepted`; empty for none.
    """
    estimated = isinstance(policy, CertifiedPolicy) and bool(policy.evidence.known)
    unrejected = [item for item in decisions if _is_open(item, current, policy)]
    chances = {item.sha256: _compute_chance(item, current, policy) for item in unrejected}
    scores = dict(chances)
    standing = min(
        (scores[item.sha256] for item in unrejected if _is_within_threshold(item)),
        default=_ABOVE_ALL,
    )
    # What the policy holds back for its confidence stays below what the policy lets pass.
    for item in unrejected:
        if not _is_within_threshold(item):
            scores[item.sha256] = min(scores[item.sha256], float(np.nextafter(standing, 0)))
    candidates = _rank_candidates(unrejected, scores, chances)
    bounds = _select_bounds([item.score for item in candidates], standing)
    builder = _StepBuilder(candidates, most, current, estimated)
    steps = tuple(builder.build_step(bound) for bound in bounds)
    return Thresholds(
        candidates=candidates,
        steps=steps,
        standing=bounds.index(standing),
        estimated=estimated,
        most=most,
    )


def _is_open(decision: Decision, current: Round, policy: Policy | CertifiedPolicy) -> bool:
    base = policy.base if isinstance(policy, CertifiedPolicy) else policy
    queries = current.query_classes.get(decision.sha256, ())
    vetoed = base.heed_query and bool(queries) and decision.class_name not in queries
    return decision.verdict != Verdict.REJECTED and not vetoed


def _is_within_threshold(decision: Decision) -> bool:
    return decision.verdict == Verdict.ACCEPTED or decision.reason == CLASS_IS_FULL


def _compute_chance(decision: Decision, current: Round, policy: Policy | CertifiedPolicy) -> float:
    prediction = current.predictions[decision.sha256]
    if isinstance(policy, CertifiedPolicy) and policy.evidence.known:
        return policy.estimate(prediction, current.query_classes.get(decision.sha256, ())).right
    return prediction.confidence


def _rank_candidates(
    decisions: Sequence[Decision], scores: Mapping[str, float], chances: Mapping[str, float]
) -> tuple[ThresholdCandidate, ...]:
    counts: dict[str, int] = {}
    candidates = []
    for item in sorted(decisions, key=lambda item: (-scores[item.sha256], item.sha256)):
        counts[item.class_name] = rank = counts.get(item.class_name, 0) + 1
        candidates.append(
            ThresholdCandidate(
                sha256=item.sha256,
                class_name=item.class_name,
                score=scores[item.sha256],
                chance=chances[item.sha256],
                rank=rank,
                detail=item.detail,
            )
        )
    return tuple(candidates)


def _select_bounds(scores: Sequence[float], standing: float) -> list[float]:
    """From strict to loose: nothing, at most `MOST_STEPS` scores, and the standing one."""
    distinct = sorted({*scores}, reverse=True)
    indices = np.linspace(0, len(distinct) - 1, min(len(distinct), MOST_STEPS)).round().astype(int)
    chosen = {distinct[index] for index in indices.tolist()} if distinct else set()
    return sorted({_ABOVE_ALL, standing, *chosen}, reverse=True)


class _StepBuilder:
    def __init__(
        self,
        candidates: Sequence[ThresholdCandidate],
        most: Mapping[str, int],
        current: Round,
        estimated: bool,
    ) -> None:
        free = len(candidates)
        self._kept = [item for item in candidates if item.rank <= most.get(item.class_name, free)]
        self._estimated = estimated
        self._labelled = build_out_of_fold(current)

    def build_step(self, bound: float) -> Step:
        accepted = [item for item in self._kept if item.score >= bound]
        counts: dict[str, int] = {}
        for item in accepted:
            counts[item.class_name] = counts.get(item.class_name, 0) + 1
        if self._estimated:
            estimate = _summarise_chances(np.array([item.chance for item in accepted]))
        else:
            estimate = _summarise_labelled(self._labelled, bound)
        precision, low, high = estimate
        return Step(
            threshold=bound,
            accepted=dict(sorted(counts.items())),
            precision=precision,
            low=low,
            high=high,
        )


def _summarise_chances(chances: Float64Array) -> tuple[float | None, float, float]:
    if not len(chances):
        return None, 0.0, 1.0
    mean = float(chances.mean())
    reach = 1.96 * float(np.sqrt((chances * (1 - chances)).sum())) / len(chances)
    return mean, max(mean - reach, 0.0), min(mean + reach, 1.0)


def _summarise_labelled(labelled: OutOfFold, bound: float) -> tuple[float | None, float, float]:
    sure = labelled.confidence >= bound
    if not sure.any():
        return None, 0.0, 1.0
    return compute_weighted_interval(labelled.right[sure], labelled.weights[sure])
