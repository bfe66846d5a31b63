"""The audit: a random, blind sample of the accepted, answered by a person.

Labelled data can estimate how often the teacher is right, but only a sample of this very pool can
certify it, because the pool holds things that no label ever showed.
"""

from dataclasses import dataclass

from data_registry.annotations import audit_sample, record_audit
from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.resolve import current_decisions
from data_registry.splits import draw_number
from train.intervals import clopper_pearson

CONFIDENCE = 0.95


@dataclass(frozen=True)
class AuditResult:
    """What the audit of a teacher says so far.

    Attributes:
        drawn, answered, right: images in the sample.
        lower, upper: exact 95 % interval of the accepted images' precision (Clopper and
            Pearson, 1934); nothing is certified while answers are missing.
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


def draw_audit(registry: Registry, size: int, seed: int = 0) -> int:
    """Draw a uniform sample of what the current teacher accepted; drawn again, it is the same.

    59 answers without an error certify 95 %.

    Returns:
        How many images the sample holds.

    Raises:
        InputError: nothing is accepted.
    """
    decisions = current_decisions(registry)
    accepted = decisions[decisions["verdict"] == "accepted"]
    if accepted.empty:
        raise InputError("nothing is accepted yet: give `ephyra label` before an audit")
    newest = accepted.sort_values("decision_id")["teacher_id"].iloc[-1]
    rows = accepted[accepted["teacher_id"] == newest]
    order = rows["sha256"].map(lambda sha256: draw_number(seed, f"{newest}:{sha256}"))
    sample = rows.assign(order=order).sort_values("order").head(size)
    record_audit(registry, newest, zip(sample["sha256"], sample["class_name"], strict=True))
    return len(sample)


def audit_result(registry: Registry, teacher_id: str) -> AuditResult:
    """Count the answers to a teacher's audit."""
    sample = audit_sample(registry, teacher_id)
    answered = sample.dropna(subset="answer")
    right = int((answered["answer"] == answered["accepted_as"]).sum())
    if answered.empty:
        return AuditResult(len(sample), 0, 0, 0.0, 1.0)
    interval = clopper_pearson(right, len(answered), CONFIDENCE)
    return AuditResult(len(sample), len(answered), right, interval.low, interval.high)
