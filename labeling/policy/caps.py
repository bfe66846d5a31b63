"""Caps against collapse: no class may be accepted far more often than it was labelled.

One of the studies' later sets fell into two of its six classes: what a teacher takes for one class
makes the next models take yet more for it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from data_registry.labels.decisions import Decision
from labeling.policy.policy import ACCEPTED, REVIEW
from labeling.teacher.labelled import LabelledImages

CLASS_IS_FULL = "class-is-full"


def compute_caps(labelled: LabelledImages, times: float) -> dict[str, int]:
    """How many images of each class may be accepted.

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
    """The decisions, where the surest of each class stay accepted and the rest wait for a person.

    Args:
        decisions: in any order, which is kept.
        most: of each class; of classes that are not named every image may be accepted.
    """
    accepted = [item for item in decisions if item.verdict == ACCEPTED]
    taken: dict[str, int] = defaultdict(int)
    over = set()
    for item in sorted(accepted, key=lambda item: (-item.confidence, item.sha256)):
        taken[item.class_name] += 1
        if taken[item.class_name] > most.get(item.class_name, len(decisions)):
            over.add(item.sha256)
    return [_queue_above_cap(item, most) if item.sha256 in over else item for item in decisions]


def _queue_above_cap(decision: Decision, most: Mapping[str, int]) -> Decision:
    count = most[decision.class_name]
    words = f"the class is full: {count} surer ones of {decision.class_name} are accepted"
    detail = f"{decision.detail}; {words}"
    return replace(decision, verdict=REVIEW, reason=CLASS_IS_FULL, detail=detail)
