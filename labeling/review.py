"""Asking a person: which images wait for an answer, and taking the answers in."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from data_registry import schema
from data_registry.annotations import Annotation, record_annotations
from data_registry.errors import AnswerFileError
from data_registry.registry import Registry
from data_registry.resolve import current_annotations, current_decisions

NONE = "none"
AUDIT_QUEUE, REVIEW_QUEUE = "audit", "review"


@dataclass(frozen=True)
class AnswerSummary:
    """What a file of answers brought.

    Attributes:
        answers: rows with an answer.
        new: answers that said something new.
        blank: rows left unanswered.
    """

    answers: int
    new: int
    blank: int


def waiting(registry: Registry) -> pd.DataFrame:
    """Images a person should look at.

    The audit's sample comes first and is blind: it shows neither class nor confidence, so that
    the answer is the person's own. The rest comes with the least sure first.

    Returns:
        Columns sha256, queue (audit or review), class_name, confidence, detail, url and an empty
        answer.
    """
    answered = set(current_annotations(registry)["sha256"])
    decisions = current_decisions(registry)
    review = decisions[decisions["verdict"] == "review"].sort_values(["confidence", "sha256"])
    audited = _audit_images(registry)
    blind = pd.DataFrame({"sha256": audited, "class_name": "", "confidence": None, "detail": ""})
    queue = pd.concat(
        [blind.assign(queue=AUDIT_QUEUE), review.assign(queue=REVIEW_QUEUE)], ignore_index=True
    )
    queue = queue[~queue["sha256"].isin(answered)].drop_duplicates("sha256")
    urls = _urls(registry)
    queue["url"] = [urls.get(name, "") for name in queue["sha256"]]
    queue["answer"] = ""
    columns = ["sha256", "queue", "class_name", "confidence", "detail", "url", "answer"]
    return queue[columns].reset_index(drop=True)


def take_answers(
    registry: Registry, file: Path, class_names: Collection[str], person: str
) -> AnswerSummary:
    """Record the answers of a CSV with the columns sha256 and answer.

    An answer is a class, or ``none`` for none of the classes; a blank one is left for later. A
    SHA-256 may be shortened as long as it stays unique.

    Raises:
        AnswerFileError: an unknown image or class; nothing of the file was recorded.
    """
    rows = list(_rows(file))
    known = sorted(registry.known_images())
    audited = set(_audit_images(registry))
    spelling = {name.casefold(): name for name in class_names} | {NONE: ""}
    annotations = []
    for line, row in rows:
        if not row["answer"].strip():
            continue
        sha256 = _image(row["sha256"].strip(), known, f"{file.name} line {line}")
        class_name = _class(row["answer"].strip(), spelling, f"{file.name} line {line}")
        purpose = AUDIT_QUEUE if sha256 in audited else REVIEW_QUEUE
        annotations.append(Annotation(sha256, class_name, person, purpose, row.get("note") or ""))
    new = record_annotations(registry, annotations)
    return AnswerSummary(len(annotations), new, len(rows) - len(annotations))


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnswerFileError(f"cannot read the answers in {file}: {error}") from error
    reader = csv.DictReader(io.StringIO(text))
    missing = {"sha256", "answer"} - set(reader.fieldnames or ())
    if missing:
        raise AnswerFileError(
            f"{file.name} has no column {' and '.join(sorted(missing))}; found "
            f"{', '.join(reader.fieldnames or ['nothing'])}. `ephyra review --sheet FILE.csv` "
            "writes a file to fill in"
        )
    for row in reader:
        yield reader.line_num, {k: v or "" for k, v in row.items() if k}


def _image(name: str, known: list[str], where: str) -> str:
    matches = [sha256 for sha256 in known if sha256.startswith(name)] if name else []
    if len(matches) != 1:
        found = "no stored image" if not matches else f"{len(matches)} images"
        raise AnswerFileError(
            f"{where}: {found} with SHA-256 {name!r}. `ephyra review` lists the images that wait; "
            "nothing was recorded"
        )
    return matches[0]


def _class(answer: str, spelling: Mapping[str, str], where: str) -> str:
    if answer.casefold() not in spelling:
        expected = ", ".join(sorted(name for name in spelling.values() if name))
        raise AnswerFileError(
            f"{where}: {answer!r} is no class. Expected {expected} or {NONE!r}; nothing was "
            "recorded"
        )
    return spelling[answer.casefold()]


def _audit_images(registry: Registry) -> list[str]:
    rows = registry.database.rows(sa.select(schema.audit.c.sha256).distinct())
    return sorted(row.sha256 for row in rows)


def _urls(registry: Registry) -> dict[str, str]:
    source = schema.source
    statement = sa.select(source.c.sha256, source.c.url).order_by(source.c.url.desc())
    return {row.sha256: row.url for row in registry.database.rows(statement)}
