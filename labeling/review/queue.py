"""The review queue: the images that wait for an answer, and the answers."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_resolution import load_current_annotations, load_current_decisions
from data_registry.labels.review_queue import load_question_ranks
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.text.wording import count_noun
from data_registry.vocabulary import Verdict
from labeling.audit.audit import find_newest_teacher, load_valid_sample
from labeling.review.answer_file import read_answers

AUDIT_QUEUE, REVIEW_QUEUE = "audit", "review"
COLUMNS = ("sha256", "queue", "class_name", "confidence", "detail", "url", "answer")


@dataclass(frozen=True)
class AnswerSummary:
    """How many answers a file brought.

    Attributes:
        answers: images that were answered.
        new: answers that said something new.
        blank: rows left unanswered.
    """

    answers: int
    new: int
    blank: int


def load_waiting_images(registry: Registry) -> pd.DataFrame:
    """Load the images that a person should look at.

    The newest teacher's audit comes first and is blind: it shows neither class nor confidence,
    so that the answer is the person's own. Then come the images that were imported under several
    classes, which are in no version until they are answered; then those whose answers are worth
    most, which may be accepted ones (`labeling.rounds.acquisition`); then the rest with the least
    sure first.

    Returns:
        Columns sha256, queue (audit or review), class_name, confidence (None without a teacher's
        word), detail, url and an empty answer.
    """
    decisions = load_current_decisions(registry)
    audited = pd.DataFrame({"sha256": _find_audited(registry)}, dtype=str)
    blind = audited.assign(class_name="", confidence=float("nan"), detail="")
    conflicts = _list_label_conflicts(registry, without=set(audited["sha256"]))
    asked = pd.concat([audited["sha256"], conflicts["sha256"]])
    review = _sort_by_worth(decisions[~decisions["sha256"].isin(asked)], registry)
    reviewed = (table.assign(queue=REVIEW_QUEUE) for table in (conflicts, review))
    queue = pd.concat([blind.assign(queue=AUDIT_QUEUE), *reviewed])
    queue = queue[~queue["sha256"].isin(load_current_annotations(registry)["sha256"])]
    urls = _load_urls(registry)
    # None and not NaN, which is no JSON.
    confidence = queue["confidence"].astype(object)
    queue["confidence"] = confidence.where(queue["confidence"].notna(), None)
    queue["url"] = [urls.get(name, "") for name in queue["sha256"]]
    queue["answer"] = ""
    return queue[list(COLUMNS)].reset_index(drop=True)


def take_answers(
    registry: Registry, file: Path, class_names: Collection[str], person: str
) -> AnswerSummary:
    """Record the answers of a CSV (see `labeling.review.answer_file`); blank ones are left.

    Raises:
        AnswerFileError: something in the file does not fit; nothing of it was recorded.
    """
    read = read_answers(file, registry.find_present_images(), class_names)
    audited = set(_find_audited(registry))
    annotations = [
        Annotation(
            sha256=answer.sha256,
            class_name=answer.class_name,
            person=person,
            purpose=AUDIT_QUEUE if answer.sha256 in audited else REVIEW_QUEUE,
            note=answer.note,
        )
        for answer in read.answers
    ]
    new = record_annotations(registry, annotations)
    return AnswerSummary(len(annotations), new, read.blank)


def _list_label_conflicts(registry: Registry, without: Collection[str]) -> pd.DataFrame:
    """List the images that were imported under several classes; the detail names the classes."""
    conflicts = load_label_conflicts(registry)
    names = [name for name in conflicts if name not in without]
    details = [
        f"imported under {count_noun(len(conflicts[name]), 'class')}: {', '.join(conflicts[name])}"
        for name in names
    ]
    table = pd.DataFrame({"sha256": names, "detail": details}, dtype=str)
    return table.assign(class_name="", confidence=float("nan"))


def _sort_by_worth(decisions: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    ranks = load_question_ranks(registry)
    ranked = decisions.assign(rank=decisions["sha256"].map(ranks).astype(float))
    queued = ranked[ranked["rank"].notna() | (ranked["verdict"] == Verdict.REVIEW)]
    return queued.sort_values(["rank", "confidence", "sha256"]).drop(columns="rank")


def _find_audited(registry: Registry) -> list[str]:
    """Find the images of the newest audit's sample, in the order in which answers count."""
    teacher_id = find_newest_teacher(registry)
    return [] if teacher_id is None else list(load_valid_sample(registry, teacher_id)["sha256"])


def _load_urls(registry: Registry) -> dict[str, str]:
    """Load the first URL, by name, at which each image was seen."""
    source = schema.source
    statement = sa.select(source.c.sha256, sa.func.min(source.c.url).label("url"))
    rows = registry.database.rows(statement.group_by(source.c.sha256))
    return {row.sha256: row.url for row in rows}
