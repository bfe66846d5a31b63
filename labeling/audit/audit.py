"""The audit: a random, blind sample of the accepted, answered by a person.

Labelled data can estimate how often the teacher is right, but only a sample of this very pool can
certify it, because the pool holds things that no label ever showed. Its answers stay out of the
teacher until a version holds them (`labeling.labelled.withheld_answers`).
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import pandas as pd

from data_registry.errors import InputError
from data_registry.labels.annotations import load_all_audits, load_audit_sample, record_audit
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.registry import Registry
from data_registry.versions.splits import stable_random_key
from data_registry.vocabulary import Verdict
from labeling.audit.certify import (
    DELTA,
    compute_lower_bound,
    compute_ranks,
    count_answers_needed,
    find_certified_part,
)
from labeling.audit.target import TARGET
from train.evaluation.intervals import compute_exact_interval

CONFIDENCE = 0.95


@dataclass(frozen=True)
class AuditResult:
    """What the audit of a teacher says so far.

    Attributes:
        drawn, answered, right: images in the sample.
        lower, upper: exact 95 % interval of the accepted images' precision (Clopper and
            Pearson, 1934), from the answers so far.
        rounds: teachers whose audits were fully answered, this one too.
    """

    drawn: int
    answered: int
    right: int
    lower: float
    upper: float
    rounds: int = field(default=1, compare=False)

    @property
    def all_hold(self) -> float:
        """Least confidence that every round's certificate is true: their risks add up."""
        return max(1 - DELTA * self.rounds, 0.0)

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
        return compute_lower_bound(self.right, self.drawn)


def find_newest_teacher(registry: Registry) -> str | None:
    """Find the teacher that decided last; None before any decision."""
    decisions = load_current_decisions(registry)
    if decisions.empty:
        return None
    return str(decisions.sort_values("decision_id")["teacher_id"].iloc[-1])


def draw_audit(registry: Registry, size: int, target: float = TARGET) -> int:
    """Draw a uniform sample of what the newest teacher accepted.

    Drawn again it is the same, and drawn larger it holds the smaller one. 59 answers without an
    error certify 95 %. A sample that failed is never drawn larger: going on until it succeeds
    would break the promise.

    Returns:
        How many images the sample holds: fewer than `size` where fewer were accepted, more where
        more were drawn before.

    Raises:
        InputError: nothing is accepted, a size below 1, or the sample has failed.
    """
    if size < 1:
        raise InputError(f"an audit of {size} images: expected at least 1; 59 can certify 95 %")
    teacher_id = find_newest_teacher(registry)
    if teacher_id is None:
        raise InputError("nothing is accepted yet: run `ephyra label` before an audit")
    accepted = _load_accepted_in_order(registry, teacher_id)
    if accepted.empty:
        raise InputError(
            "the newest teacher accepted nothing, so there is nothing to audit: answer what waits "
            "for review, or lower the threshold, and run `ephyra label` again"
        )
    _refuse_after_failure(registry, teacher_id, target)
    sample = accepted.head(size)
    record_audit(registry, teacher_id, zip(sample["sha256"], sample["class_name"], strict=True))
    return len(load_valid_sample(registry, teacher_id))


def load_valid_sample(registry: Registry, teacher_id: str) -> pd.DataFrame:
    """Find the drawn images that are a uniform sample of what the teacher accepts now.

    Images are drawn in a random order that never changes. If another threshold or new images
    changed what is accepted, only the drawn ones at the order's beginning still are a fair
    sample; the rest come back when the audit is drawn again.

    Returns:
        Columns sha256, accepted_as and answer (NaN where nobody has answered).
    """
    drawn = load_audit_sample(registry, teacher_id)
    accepted = _load_accepted_in_order(registry, teacher_id)
    rows = accepted[["sha256"]].merge(drawn, on="sha256", how="left")
    fair = rows["accepted_as"].notna().to_numpy(bool).cumprod().astype(bool)
    return rows[fair]


def load_audit_result(registry: Registry, teacher_id: str) -> AuditResult:
    """Count the answers to a teacher's audit."""
    sample = load_valid_sample(registry, teacher_id)
    answered = sample.dropna(subset="answer")
    right = int((answered["answer"] == answered["accepted_as"]).sum())
    if answered.empty:
        return AuditResult(len(sample), 0, 0, 0.0, 1.0)
    interval = compute_exact_interval(right, len(answered), CONFIDENCE)
    rounds = len(_find_answered_teachers(registry) | {teacher_id})
    return AuditResult(len(sample), len(answered), right, interval.low, interval.high, rounds)


def load_certified_bound(registry: Registry, teacher_id: str, target: float) -> float | None:
    """Find the least chance of being right from which the audit certifies the target.

    Thresholds are tried from strict to loose, see `labeling.audit.certify`.

    Returns:
        The lowest chance in the certified part; None where answers are missing or nothing is
        certified.
    """
    sample = load_valid_sample(registry, teacher_id)
    if sample.empty or sample["answer"].isna().any():
        return None
    accepted = _load_accepted_in_order(registry, teacher_id)
    chance = dict(zip(accepted["sha256"], accepted["confidence"], strict=True))
    ranks = compute_ranks([chance[name] for name in sample["sha256"]], list(chance.values()))
    right = (sample["answer"] == sample["accepted_as"]).to_numpy(bool)
    part = find_certified_part(ranks, right, target)
    if part is None:
        return None
    everyone = compute_ranks(list(chance.values()), list(chance.values()))
    inside = [value for value, rank in zip(chance.values(), everyone, strict=True) if rank <= part]
    return float(min(inside))


def _refuse_after_failure(registry: Registry, teacher_id: str, target: float) -> None:
    result = load_audit_result(registry, teacher_id)
    wrong = result.answered - result.right
    if result.complete and wrong and load_certified_bound(registry, teacher_id, target) is None:
        raise InputError(
            f"this audit has failed: {wrong} of {result.drawn} were wrong, and {target:g} would "
            f"have taken {count_answers_needed(target, wrong)} answers. A larger sample of "
            "the same draw proves nothing any more: run `ephyra merge`, then `ephyra label`: its "
            "answers teach, and the next teacher gets a fresh sample"
        )


def _find_answered_teachers(registry: Registry) -> set[str]:
    """Teachers of whom every drawn image was answered."""
    drawn = load_all_audits(registry)
    said = drawn.groupby("teacher_id")["answer"].apply(lambda column: column.notna().all())
    return {str(name) for name, complete in said.items() if complete}


def load_certified_precision(registry: Registry, sha256s: Collection[str]) -> float | None:
    """Compute what audits certify of these machine-labelled images, at 95 % confidence.

    Returns:
        The lowest certified precision among the teachers that accepted them; None where one of
        these has no fully answered audit, or where there is no such image.
    """
    decisions = load_current_decisions(registry)
    stated = decisions[decisions["sha256"].isin(sha256s)]
    certified = [
        load_audit_result(registry, name).certified for name in stated["teacher_id"].unique()
    ]
    if not certified or None in certified:
        return None
    return min(value for value in certified if value is not None)


def _load_accepted_in_order(registry: Registry, teacher_id: str) -> pd.DataFrame:
    """Load sha256, class_name and confidence of what is accepted, in a fixed random order."""
    decisions = load_current_decisions(registry)
    ours = (decisions["verdict"] == Verdict.ACCEPTED) & (decisions["teacher_id"] == teacher_id)
    accepted = decisions.loc[ours, ["sha256", "class_name", "confidence"]]
    order = [stable_random_key(0, f"{teacher_id}:{sha256}") for sha256 in accepted["sha256"]]
    return accepted.assign(order=order).sort_values("order").drop(columns="order")
