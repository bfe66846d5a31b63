"""The audit: a random, blind sample of the accepted images, answered by a person.

Labelled data can estimate how often the teacher is right, but only a sample of this very pool can
certify it, because the pool holds things that no label ever showed. Its answers stay out of the
teacher until a version holds them (`labeling.teacher.labelled.find_withheld_answers`).

Before the first answer a plan is stored: the accepted images in a random order, the target, and
the chance of a false certificate. Answers count in that order, up to the first image that nobody
has answered, so leaving out hard ones gains nothing. The test is valid wherever the reviewer stops
(`labeling.audit.sequential_test`), so a sample may be drawn larger at any time. Another accepted
set or another target is another audit, with an order of its own and a smaller risk.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_registry.errors import InputError
from data_registry.labels.annotations import record_audit
from data_registry.labels.audit_plans import (
    AuditPlan,
    count_unplanned_audits,
    load_audit_members,
    load_audit_plans,
    record_audit_plan,
)
from data_registry.labels.class_resolution import load_current_annotations, load_current_decisions
from data_registry.registry import Registry
from data_registry.versions.splits import stable_random_key
from data_registry.vocabulary import Verdict
from labeling.audit.audit_result import NO_AUDIT, AuditResult
from labeling.audit.sequential_test import (
    bound_errors,
    compute_round_delta,
    count_answers_needed,
    count_tolerable_errors,
)
from labeling.audit.target import TARGET


@dataclass(frozen=True)
class _Audit:
    """A plan with its members, see `load_audit_members`."""

    plan: AuditPlan
    members: pd.DataFrame

    @property
    def sample(self) -> pd.DataFrame:
        """The drawn images, in order, up to the first that was not drawn."""
        return self.members[self.members["drawn"].cumprod().astype(bool)]

    @property
    def counted(self) -> pd.DataFrame:
        """The answered images, in order, up to the first that nobody has answered."""
        return self.members[self.members["answer"].notna().cumprod().astype(bool)]


def find_newest_teacher(registry: Registry) -> str | None:
    """Find the teacher that decided last; None before any decision."""
    decisions = load_current_decisions(registry)
    if decisions.empty:
        return None
    return str(decisions.sort_values("decision_id")["teacher_id"].iloc[-1])


def draw_audit(registry: Registry, size: int, target: float = TARGET) -> int:
    """Draw a uniform sample of what the newest teacher accepted, or draw the standing one larger.

    Drawn again it is the same, and drawn larger it holds the smaller one.

    Args:
        registry: holds the accepted images.
        size: how many images a person is asked about.
        target: precision to certify, the project's own.

    Returns:
        How many images the sample holds: fewer than `size` where fewer were accepted, more where
        more were drawn before.

    Raises:
        InputError: nothing is accepted, a size below 1, or the audit has failed.
    """
    if size < 1:
        raise InputError(f"an audit of {size} images: expected at least 1")
    teacher_id = find_newest_teacher(registry)
    if teacher_id is None:
        raise InputError("nothing is accepted yet: run `ephyra label` before an audit")
    accepted = _load_accepted(registry, teacher_id)
    if accepted.empty:
        raise InputError(
            "the newest teacher accepted nothing, so there is nothing to audit: answer what waits "
            "for review, or lower the threshold, and run `ephyra label` again"
        )
    audit = _find_audit(registry, teacher_id, target) or _start_audit(
        registry, teacher_id, accepted, target
    )
    _refuse_after_failure(_summarise(audit))
    sample = audit.members.head(size)
    record_audit(registry, teacher_id, zip(sample["sha256"], sample["accepted_as"], strict=True))
    return len(load_valid_sample(registry, teacher_id))


def load_valid_sample(registry: Registry, teacher_id: str) -> pd.DataFrame:
    """Load the drawn images of the audit of what the teacher accepts now, in their order.

    Returns:
        Columns sha256, accepted_as and answer (NaN where nobody has answered); empty where what is
        accepted has changed since the audit was drawn.
    """
    audit = _find_audit(registry, teacher_id)
    if audit is None:
        return pd.DataFrame(columns=["sha256", "accepted_as", "answer"])
    return audit.sample[["sha256", "accepted_as", "answer"]]


def load_audit_result(registry: Registry, teacher_id: str) -> AuditResult:
    """Summarise the answers to the audit of what the teacher accepts now."""
    audit = _find_audit(registry, teacher_id)
    return NO_AUDIT if audit is None else _summarise(audit)


def load_certified_bound(registry: Registry, teacher_id: str, target: float) -> float | None:
    """Load the least chance of being right among the accepted images, if they are certified.

    Returns:
        None where no audit certifies the target for what the teacher accepts now.
    """
    result = load_audit_result(registry, teacher_id)
    if not result.counted:
        return None
    if result.most_wrong > count_tolerable_errors(result.accepted, target):
        return None
    return float(_load_accepted(registry, teacher_id)["confidence"].min())


def load_certified_precision(registry: Registry, sha256s: Collection[str]) -> float | None:
    """Load what audits certify of these machine-labelled images.

    An audit certifies the images that its teacher accepted. Where some of them are missing here,
    which nobody has answered, all of those are taken to be right ones.

    Returns:
        The lowest certified precision among the audits that cover them; None where an image is
        covered by none and no person has named it, or where there is no such image.
    """
    decisions = load_current_decisions(registry)
    decisions = decisions[decisions["sha256"].isin(sha256s)]
    uncovered = set(zip(decisions["sha256"], decisions["class_name"], strict=True))
    bounds = []
    for plan in reversed(load_audit_plans(registry)):
        audit = _Audit(plan, load_audit_members(registry, plan))
        covered = uncovered & _list_pairs(audit.members)
        if not covered or _summarise(audit).certified is None:
            continue
        held = audit.members["answer"].notna() | audit.members["sha256"].isin(
            {sha256 for sha256, _ in covered}
        )
        images = int(held.sum())
        bounds.append(max(images - _bound_errors(audit), 0) / images)
        uncovered -= covered
    named = set(load_current_annotations(registry)["sha256"])
    if not bounds or {sha256 for sha256, _ in uncovered} - named:
        return None
    return min(bounds)


def _find_audit(registry: Registry, teacher_id: str, target: float | None = None) -> _Audit | None:
    """Find the newest audit of exactly what the teacher accepts now, and of the target if given."""
    accepted = _list_pairs(
        _load_accepted(registry, teacher_id).rename(columns={"class_name": "accepted_as"})
    )
    for plan in reversed(load_audit_plans(registry)):
        if plan.teacher_id != teacher_id or target not in (None, plan.target):
            continue
        members = load_audit_members(registry, plan)
        if _list_pairs(members) == accepted:
            return _Audit(plan, members)
    return None


def _start_audit(
    registry: Registry, teacher_id: str, accepted: pd.DataFrame, target: float
) -> _Audit:
    """Store what a new audit certifies; one without a counted answer gives its number away."""
    number = count_unplanned_audits(registry) + 1
    if plans := load_audit_plans(registry):
        last = _Audit(plans[-1], load_audit_members(registry, plans[-1]))
        number = last.plan.number + (0 if last.counted.empty else 1)
    pairs = sorted(zip(accepted["sha256"], accepted["class_name"], strict=True))
    facts = json.dumps([teacher_id, number, target, pairs]).encode()
    seed = hashlib.sha256(facts).hexdigest()
    pairs.sort(key=lambda pair: stable_random_key(0, f"{seed}:{pair[0]}"))
    plan = record_audit_plan(
        registry,
        teacher_id=teacher_id,
        number=number,
        target=target,
        delta=compute_round_delta(number),
        members=pairs,
    )
    return _Audit(plan, load_audit_members(registry, plan))


def _refuse_after_failure(result: AuditResult) -> None:
    if result.failed:
        raise InputError(
            f"this audit has failed: {result.answered - result.right} of the {result.accepted} "
            f"accepted images are wrong, and {result.target:g} allows {result.tolerable}, so no "
            f"further answer can help. {result.way_out}"
        )


def _summarise(audit: _Audit) -> AuditResult:
    plan, accepted = audit.plan, len(audit.members)
    answered = audit.members.dropna(subset="answer")
    right = int((answered["answer"] == answered["accepted_as"]).sum())
    wrong = len(answered) - right
    most_wrong = _bound_errors(audit)
    return AuditResult(
        accepted=accepted,
        drawn=len(audit.sample),
        answered=len(answered),
        counted=len(audit.counted),
        right=right,
        most_wrong=most_wrong,
        lower=(accepted - most_wrong) / accepted,
        upper=(accepted - wrong) / accepted,
        target=plan.target,
        delta=plan.delta,
        tolerable=count_tolerable_errors(accepted, plan.target),
        needed=count_answers_needed(accepted, plan.target, wrong, plan.delta),
        rounds=plan.number,
    )


def _bound_errors(audit: _Audit) -> int:
    """Bound the wrong images of the set, by the test and by what is known for certain."""
    answered = audit.members.dropna(subset="answer")
    right = (answered["answer"] == answered["accepted_as"]).to_numpy(bool)
    counted = right[: len(audit.counted)]  # the first answered ones, in order
    plan, accepted = audit.plan, len(audit.members)
    tested = bound_errors(accepted, counted, plan.target, plan.delta)
    # Answers after a missing one do not count for the test, but what they show is certain.
    return max(min(tested, accepted - int(right.sum())), int(np.sum(~right)))


def _load_accepted(registry: Registry, teacher_id: str) -> pd.DataFrame:
    """Load what the teacher accepts now: sha256, class_name and confidence."""
    decisions = load_current_decisions(registry)
    ours = (decisions["verdict"] == Verdict.ACCEPTED) & (decisions["teacher_id"] == teacher_id)
    return decisions.loc[ours, ["sha256", "class_name", "confidence"]]


def _list_pairs(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(rows["sha256"], rows["accepted_as"], strict=True))
