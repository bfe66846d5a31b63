"""Review from the command line: the list, a sheet to fill in with the pictures, and the answers."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from data_registry.csv_files import write_csv
from data_registry.errors import InputError, StorageError
from data_registry.labels.class_words import NONE, ClassWords
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.text.hashes import shorten_hash
from flows.config.workspace import Workspace
from flows.status.overview import load_newest_audit
from labeling.audit.audit import draw_audit
from labeling.audit.audit_result import AuditResult
from labeling.review.queue import AnswerSummary, load_waiting_images, take_answers


@dataclass(frozen=True)
class ReviewRequest:
    """What the person wants.

    Attributes:
        answers: a filled-in CSV to take in, or None.
        sheet: a CSV to write, or None.
        audit: size of an audit's sample to draw, or None.
        person: who answers.
    """

    answers: Path | None = None
    sheet: Path | None = None
    audit: int | None = None
    person: str = "reviewer"


@dataclass(frozen=True, kw_only=True)
class ReviewState:
    """What came of it.

    Attributes:
        taken: what the file of answers brought, or None without one.
        drawn: images in the audit's sample, or None where none was drawn.
        queue: images that wait, see `labeling.review.waiting`.
        sheet: the CSV that was written, or None.
        pictures: the folder beside it, or None.
        audit: the newest teacher's audit so far.
        none_word: the answer that means "none of the classes".
    """

    taken: AnswerSummary | None
    drawn: int | None
    queue: pd.DataFrame
    sheet: Path | None
    pictures: Path | None
    audit: AuditResult | None
    none_word: str = NONE


def review_stage(workspace: Workspace, request: ReviewRequest) -> ReviewState:
    """Take answers, draw an audit, write a sheet: whatever was asked for, in this order.

    Raises:
        AnswerFileError: an answer does not fit; nothing was recorded.
        InputError: nothing is accepted, so there is nothing to audit; or the sheet is there
            already and may hold answers.
        StorageError: the sheet cannot be written.
    """
    registry = workspace.registry
    _refuse_to_overwrite(request)
    taken = None
    if request.answers:
        taken = take_answers(registry, request.answers, list_class_names(workspace), request.person)
    drawn = None
    if request.audit:
        drawn = draw_audit(registry, request.audit, workspace.project.label.target_precision)
    queue = load_waiting_images(registry)
    pictures = _write_sheet(registry, queue, request.sheet) if request.sheet else None
    audit, none_word = (
        load_newest_audit(registry),
        ClassWords(list_class_names(workspace)).none_word,
    )
    return ReviewState(
        taken=taken,
        drawn=drawn,
        queue=queue,
        sheet=request.sheet,
        pictures=pictures,
        audit=audit,
        none_word=none_word,
    )


def _refuse_to_overwrite(request: ReviewRequest) -> None:
    """Refuse to overwrite a sheet that may hold answers, unless they are read in first."""
    sheet = request.sheet
    if sheet and sheet.exists() and sheet != request.answers:
        raise InputError(
            f"{sheet} is there already and may hold answers: take them in with --answer {sheet}, "
            "or name another file; nothing was changed"
        )


def list_class_names(workspace: Workspace) -> list[str]:
    """List the possible answers: the project file's classes and those imported, sorted."""
    declared = [section.name for section in workspace.project.classes]
    statement = sa.select(schema.label.c.class_name).distinct()
    labelled = [row.class_name for row in workspace.registry.database.rows(statement)]
    return sorted({*declared, *labelled})


def _write_sheet(registry: Registry, queue: pd.DataFrame, sheet: Path) -> Path:
    """Write the CSV, and a folder beside it with each image under the name in its row."""
    folder = sheet.with_name(f"{sheet.stem}-pictures")
    names = {
        sha256: f"{shorten_hash(sha256)}.{image_format}"
        for sha256, image_format in _load_formats(registry)
    }
    pictures = [f"{folder.name}/{names[sha256]}" for sha256 in queue["sha256"]]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sha256 in queue["sha256"]:
            (folder / names[sha256]).write_bytes(registry.read_image(sha256))
    except OSError as error:
        raise StorageError(f"cannot write pictures to {folder}: {error.strerror}") from error
    write_csv(queue.assign(picture=pictures), sheet)
    return folder


def _load_formats(registry: Registry) -> list[tuple[str, str]]:
    statement = sa.select(schema.image.c.sha256, schema.image.c.format)
    return [(row.sha256, row.format) for row in registry.database.rows(statement)]
