"""The audit: a random, blind sample of the accepted, answered by a person.

Labelled data can estimate how often the teacher is right, but only a sample of this very pool can
certify it, because the pool holds things that no label ever showed.
"""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from data_registry.annotations import audit_sample, record_audit
from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.resolve import current_decisions
from data_registry.splits import draw_number
from labeling.policy import ACCEPTED
from train.intervals import clopper_pearson

CONFIDENCE = 0.95


@dataclass(frozen=True)
class AuditResult:
    """What the audit of a teacher says so far.

    Attributes:
        drawn, answered, right: images in the sample.
        lower, upper: exact 95 % interval of the accepted images' precision (Clopper and
            Pearson, 1934), from the answers so far.
    """

    drawn: int
    answered: int
    right: int
    lower: float
    upper: float

    @property
    def complete(self) -> bool:
        """Whether every drawn image was answered."""
        return 0 < self.drawn == self.answered

    @property
    def certified(self) -> float | None:
        """The precision that is certified: with 95 % confidence the true one is no lower.

        None while answers are missing, for a person may leave the hard ones to the end. It is
        the one-sided bound, so it lies above `lower`: 59 answers without an error give 0.95.
        """
        if not self.complete:
            return None
        return clopper_pearson(self.right, self.drawn, 2 * CONFIDENCE - 1).low


def newest_teacher(registry: Registry) -> str | None:
    """The teacher that decided last, or None before any decision."""
    decisions = current_decisions(registry)
    if decisions.empty:
        return None
    return str(decisions.sort_values("decision_id")["teacher_id"].iloc[-1])


def draw_audit(registry: Registry, size: int) -> int:
    """Draw a uniform sample of what the newest teacher accepted.

    Drawn again it is the same, and drawn larger it holds the smaller one. 59 answers without an
    error certify 95 %.

    Returns:
        How many images the sample holds: fewer than `size` where fewer were accepted, more where
        more were drawn before.

    Raises:
        InputError: nothing is accepted, or a size below 1.
    """
    if size < 1:
        raise InputError(f"an audit of {size} images: expected at least 1; 59 can certify 95 %")
    teacher_id = newest_teacher(registry)
    if teacher_id is None:
        raise InputError("nothing is accepted yet: give `ephyra label` before an audit")
    accepted = _in_drawing_order(registry, teacher_id)
    if accepted.empty:
        raise InputError(
            "the newest teacher accepted nothing, so there is nothing to audit: answer what waits "
            "for review, or lower the threshold, and give `ephyra label` again"
        )
    sample = accepted.head(size)
    record_audit(registry, teacher_id, zip(sample["sha256"], sample["class_name"], strict=True))
    return len(standing_sample(registry, teacher_id))


def standing_sample(registry: Registry, teacher_id: str) -> pd.DataFrame:
    """The drawn images that are a uniform sample of what the teacher accepts now.

    Images are drawn in a random order that never changes. If another threshold or new images
    changed what is accepted, only the drawn ones at the order's beginning still are a fair
    sample; the rest come back when the audit is drawn again.

    Returns:
        Columns sha256, accepted_as and answer (NaN where nobody has answered).
    """
    drawn = audit_sample(registry, teacher_id)
    accepted = _in_drawing_order(registry, teacher_id)
    rows = accepted[["sha256"]].merge(drawn, on="sha256", how="left")
    fair = rows["accepted_as"].notna().to_numpy(bool).cumprod().astype(bool)
    return rows[fair]


def audit_result(registry: Registry, teacher_id: str) -> AuditResult:
    """Count the answers to a teacher's audit."""
    sample = standing_sample(registry, teacher_id)
    answered = sample.dropna(subset="answer")
    right = int((answered["answer"] == answered["accepted_as"]).sum())
    if answered.empty:
        return AuditResult(len(sample), 0, 0, 0.0, 1.0)
    interval = clopper_pearson(right, len(answered), CONFIDENCE)
    return AuditResult(len(sample), len(answered), right, interval.low, interval.high)


def certified_precision(registry: Registry, sha256s: Collection[str]) -> float | None:
    """What audits certify of these machine-labelled images, at 95 % confidence.

    Returns:
        The lowest certified precision among the teachers that accepted them; None where one of
        these has no fully answered audit, or where there is no such image.
    """
    decisions = current_decisions(registry)
    stated = decisions[decisions["sha256"].isin(sha256s)]
    certified = [audit_result(registry, name).certified for name in stated["teacher_id"].unique()]
    if not certified or None in certified:
        return None
    return min(value for value in certified if value is not None)


def _in_drawing_order(registry: Registry, teacher_id: str) -> pd.DataFrame:
    """What the teacher accepts now: columns sha256 and class_name, in random but fixed order."""
    decisions = current_decisions(registry)
    ours = (decisions["verdict"] == ACCEPTED) & (decisions["teacher_id"] == teacher_id)
    accepted = decisions.loc[ours, ["sha256", "class_name"]]
    order = [draw_number(0, f"{teacher_id}:{sha256}") for sha256 in accepted["sha256"]]
    return accepted.assign(order=order).sort_values("order").drop(columns="order")
