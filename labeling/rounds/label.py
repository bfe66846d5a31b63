"""The labelling stage: fit the round's teacher, predict the pool, decide, write it down."""

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data_registry.labels.class_resolution import load_current_annotations
from data_registry.labels.decisions import Decision, record_decisions
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.registry import Registry
from data_registry.text.hashes import shorten_hash
from data_registry.text.printable import make_one_line
from data_registry.vocabulary import Verdict
from labeling.label_issues import LabelIssue, find_label_issues
from labeling.policy.caps import apply_caps, compute_caps
from labeling.policy.certified import CertifiedPolicy, tighten_policy
from labeling.policy.policy import Policy
from labeling.rounds.acquisition import rank_questions
from labeling.rounds.decision_evidence import attach_evidence
from labeling.rounds.label_settings import LabelSettings
from labeling.rounds.round import Round, gather_round
from labeling.teacher.teacher_card import TeacherCard

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LabelSummary:
    """What labelling decided.

    Attributes:
        teacher_id: the round's teacher.
        pool: images without a person's word.
        verdicts: images per verdict.
        reasons: images per reason.
        accepted: accepted images per class.
        new_decisions: decisions that were not there before.
        card: what the labelled images say of the teacher, out of fold: an estimate.
        estimated: estimated precision of the accepted; None where too few images allow none.
        known_share: estimated part of the pool that shows any of the classes; None likewise.
        target: precision that the policy asks for.
        doubtful: labels that the teacher, which had not learnt them, holds to be wrong; they are
            listed and not changed. What a person has confirmed since is not among them.
    """

    teacher_id: str
    pool: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    accepted: dict[str, int]
    new_decisions: int
    card: TeacherCard
    estimated: float | None
    known_share: float | None
    target: float
    doubtful: tuple[LabelIssue, ...]


@dataclass(frozen=True)
class DecidedRound:
    """A round that was decided.

    Attributes:
        round: all that the decisions rest on.
        decisions: one an image of the pool.
        summary: what they come to.
    """

    round: Round
    decisions: tuple[Decision, ...]
    summary: LabelSummary


def label_pool(
    registry: Registry, settings: LabelSettings, progress: Progress | None = None
) -> LabelSummary:
    """Label the pool and summarise the decisions, see `label_round`."""
    return label_round(registry, settings, progress).summary


def label_round(
    registry: Registry, settings: LabelSettings, progress: Progress | None = None
) -> DecidedRound:
    """Decide on every image of the pool. Doing it again changes nothing.

    Args:
        registry: grouped images, with a labelled set.
        settings: how to label.
        progress: told of every image.

    Raises:
        InputError: too few labelled images to check a teacher on.
        WeightsError: the backbone cannot be loaded.
    """
    progress = progress or SilentProgress()
    current = gather_round(registry, settings, progress)
    with report_phase(progress, "deciding", None):
        decisions = decide(current, settings)
    new = record_decisions(registry, decisions)
    rank_questions(registry, current)
    for decision in decisions if new else ():
        words = (
            shorten_hash(decision.sha256),
            decision.verdict,
            decision.class_name,
            decision.confidence,
            make_one_line(decision.detail),
        )
        _log.info("%s: %s as %s, %.2f: %s", *words)
    with report_phase(progress, "looking for doubtful labels", None):
        doubtful = _find_unconfirmed_issues(registry, current)
    summary = _build_summary(current, settings, decisions, new=new, doubtful=doubtful)
    return DecidedRound(current, tuple(decisions), summary)


def decide(current: Round, settings: LabelSettings) -> list[Decision]:
    """Decide on each image of the pool by the policy. Nothing is written."""
    policy = build_policy(current, settings)
    rows = current.pool.to_dict("records")
    decisions = [
        policy.decide(
            current.teacher.teacher_id,
            current.predictions[row["sha256"]],
            current.query_classes.get(row["sha256"], ()),
            row["copy_of"],
            row["copy_split"],
        )
        for row in rows
    ]
    copies = {row["sha256"]: row["copy_of"] for row in rows}
    full = apply_caps(decisions, compute_round_caps(current, settings))
    return [attach_evidence(item, current, policy, copies[item.sha256]) for item in full]


def compute_round_caps(current: Round, settings: LabelSettings) -> dict[str, int]:
    """Compute how many images of each class may be accepted; empty where there is no limit."""
    if not settings.most_times:
        return {}
    return compute_caps(current.labelled, settings.most_times)


def build_policy(current: Round, settings: LabelSettings) -> Policy | CertifiedPolicy:
    """Build the policy of the settings, with the bounds that this round's images lead to."""
    bound = current.teacher.gate.bound if settings.heed_gate else math.inf
    plain = Policy(settings.threshold, bound, settings.heed_query)
    if settings.policy == "threshold":
        return plain
    evidence = current.evidence if settings.heed_gate else current.evidence.drop_gate()
    policy = CertifiedPolicy(
        plain=plain, evidence=evidence, target=settings.target, least_right=current.audited_bound
    )
    single = [current.predictions[name] for name in current.single["sha256"]]
    return tighten_policy(policy, single, current.query_classes)


def _find_unconfirmed_issues(registry: Registry, current: Round) -> tuple[LabelIssue, ...]:
    labelled, names = current.labelled, current.teacher.class_names
    given = [names[index] for index in labelled.classes]
    labels = find_label_issues(labelled.sha256, given, names, current.teacher.held_out)
    confirmed = set(load_current_annotations(registry)["sha256"])
    return tuple(label for label in labels if label.sha256 not in confirmed)


def _build_summary(
    current: Round,
    settings: LabelSettings,
    decisions: Sequence[Decision],
    *,
    new: int,
    doubtful: tuple[LabelIssue, ...],
) -> LabelSummary:
    teacher = current.teacher
    chances = [item.confidence for item in decisions if item.verdict == Verdict.ACCEPTED]
    estimated = sum(chances) / len(chances) if chances and current.evidence.known else None
    return LabelSummary(
        teacher_id=teacher.teacher_id,
        pool=len(decisions),
        verdicts=_count_names(item.verdict for item in decisions),
        reasons=_count_names(item.reason for item in decisions),
        accepted=_count_names(
            item.class_name for item in decisions if item.verdict == Verdict.ACCEPTED
        ),
        new_decisions=new,
        card=teacher.card,
        estimated=estimated,
        known_share=current.evidence.known_share,
        target=settings.target,
        doubtful=doubtful,
    )


def _count_names(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
