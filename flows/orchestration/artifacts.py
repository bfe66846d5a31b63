"""What Prefect's UI shows of a run: tables, a contact sheet, the report's link, progress."""

import base64
import contextlib
import hashlib
import io
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

from data_registry.text.printable import make_one_line, make_value_printable
from flows.config.workspace import Workspace
from flows.orchestration.artifact_tables import TABLES
from flows.shared.progress_bars import LogLines

SITE = "EPHYRA_SITE"  # where `ephyra up` serves review and reports

_WORTH_A_BAR = 2.0  # seconds
_DIGITS = 6

Found = dict[str, Any]


def show_artifacts(workspace: Workspace, stage: str, found: Found) -> Found:
    """Put what a stage found into Prefect's UI.

    Returns:
        What was found, unchanged.
    """
    shown = make_value_printable(found)
    rows, words = TABLES[stage](shown)
    key = build_key(workspace, f"{stage} table")
    create_table_artifact(table=rows, key=key, description=words)
    more = _MORE.get(stage)
    if more:
        more(workspace, shown)
    return found


def build_key(workspace: Workspace, words: str) -> str:
    """The key of an artifact: Prefect's pages show the newest of a key, whoever made it.

    The project's name begins it. Projects of one name differ in the digits made of their folder.
    """
    digits = hashlib.sha256(str(workspace.folder.resolve()).encode()).hexdigest()[:_DIGITS]
    return _slug(f"{workspace.project.project.name} {digits} {words}")


class ProgressArtifacts(LogLines):
    """Lines in the run's log, and a bar in Prefect's UI for work that takes its time.

    Args:
        logger: of the run.
        name_key: makes an artifact's key of what is done.
    """

    def __init__(
        self,
        logger: "logging.Logger | logging.LoggerAdapter[logging.Logger]",
        name_key: Callable[[str], str],
    ) -> None:
        super().__init__(logger)
        self._name_key = name_key
        self._bars: list[_Bar] = []

    def start(self, what: str, total: int | None) -> None:
        """Say what begins."""
        super().start(what, total)
        self._bars.append(_Bar(what, self._name_key(what)))

    def log_tenth(self, what: str, done: int, total: int) -> None:
        """Another tenth is done."""
        super().log_tenth(what, done, total)
        self._bars[-1].show(done, total)

    def finish(self) -> None:
        """The work begun last has ended."""
        super().finish()
        if self._bars:
            self._bars.pop().remove()


class _Bar:
    """A progress artifact, once the work has lasted long enough to be looked at."""

    def __init__(self, what: str, key: str) -> None:
        self._what = make_one_line(what)
        self._key = key
        self._started = time.monotonic()
        self._artifact: UUID | None = None

    def show(self, done: int, total: int) -> None:
        share = min(100.0, 100 * done / total)
        if self._artifact:
            update_progress_artifact(self._artifact, share)
        elif time.monotonic() - self._started > _WORTH_A_BAR:
            words = f"{self._what}: {total} to do"
            created = create_progress_artifact(share, key=self._key, description=words)
            self._artifact = created if isinstance(created, UUID) else None

    def remove(self) -> None:
        """Take the artifact away: what is finished is told by the stage's table."""
        if self._artifact:
            with contextlib.suppress(
                httpx.HTTPError, PrefectException
            ):  # a leftover bar is no harm
                get_client(sync_client=True).delete_artifact(self._artifact)


def _slug(words: str) -> str:
    """Prefect's keys hold small letters, digits and dashes."""
    return "-".join(
        "".join(c if c.isalnum() and c.isascii() else " " for c in words.lower()).split()
    )


def _contact_sheet(workspace: Workspace) -> None:
    from flows.reports.contact_sheet import draw_contact_sheet

    sheet = draw_contact_sheet(workspace.registry)
    if sheet is None:
        return
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=70)
    data = base64.b64encode(buffer.getvalue()).decode()
    create_markdown_artifact(
        f"![contact sheet](data:image/jpeg;base64,{data})",
        key=build_key(workspace, "contact sheet"),
        description="What the teacher accepted, left to a person and rejected; some of each.",
    )


def _labelling(workspace: Workspace, found: Found) -> None:
    _contact_sheet(workspace)
    create_link_artifact(
        link=_report_address(found["page"]),
        link_text="the labelling round, with a slider",
        key=build_key(workspace, "labelling"),
        description=f"How far the teacher is to be believed. The page: {found['page']}",
    )


def _report_links(workspace: Workspace, found: Found) -> None:
    for number, item in enumerate(found["comparisons"], start=1):
        create_link_artifact(
            link=_report_address(item["report"]),
            link_text=f"{item['model']}: {item['answer']}",
            key=build_key(workspace, f"report {number}"),
            description=f"{item['sentence']}. The page: {item['report']}",
        )


def _report_address(page: str) -> str:
    """On the site of `ephyra up` where one runs, since a browser opens no file from a web page."""
    site = os.environ.get(SITE, "")
    folder = page.rstrip("/").split("/")[-2:]
    return f"{site}/reports/{'/'.join(folder)}" if site else Path(page).as_uri()


_MORE: Mapping[str, Callable[[Workspace, Found], None]] = {
    "label": _labelling,
    "train": _report_links,
}
