"""Caps against collapse: no class may be accepted far more often than it was labelled.

One of the studies' later sets fell into two of its six classes: what a teacher takes for one class
makes the next models take yet more for it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from data_registry.labels.decisions import Decision
from data_registry.vocabulary import Verdict
from labeling.teacher.labelled import LabelledImages

CLASS_IS_FULL = "class-is-full"


def compute_caps(labelled: LabelledImages, times: float) -> dict[str, int]:
    """Compute how many images of each class may be accepted.

    Args:
        labelled: copies in one group count as one.
        times: as many for each labelled image; at least one a class comes out.
    """
    names, weights = labelled.class_names, labelled.weights
    totals = (weights[labelled.classes == index].sum() for index in range(len(names)))
    return {
        name: max(round(times * float(total)), 1) for name, total in zip(names, totals, strict=True)
    }


def apply_caps(decisions: Sequence[Decision], most: Mapping[str, int]) -> list[Decision]:
    """Keep the surest of each class accepted; the rest wait for a person.

    Args:
        decisions: in any order, which is kept.
        most: of each class; of classes that are not named every image may be accepted.
    """
    accepted = [decision for decision in decisions if decision.verdict == Verdict.ACCEPTED]
    counts: dict[str, int] = defaultdict(int)
    above_cap = set()
    for decision in sorted(accepted, key=lambda decision: (-decision.confidence, decision.sha256)):
        counts[decision.class_name] += 1
        if counts[decision.class_name] > most.get(decision.class_name, len(decisions)):
            above_cap.add(decision.sha256)
    return [
        _queue_above_cap(decision, most) if decision.sha256 in above_cap else decision
        for decision in decisions
    ]


def _queue_above_cap(decision: Decision, most: Mapping[str, int]) -> Decision:
    count = most[decision.class_name]
    words = f"the class is full: {count} surer ones of {decision.class_name} are accepted"
    detail = f"{decision.detail}; {words}"
    return replace(decision, verdict=Verdict.REVIEW.value, reason=CLASS_IS_FULL, detail=detail)
