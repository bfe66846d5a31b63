"""Prefect artifacts of a run: tables, a contact sheet, links to reports, progress."""

import base64
import contextlib
import hashlib
import io
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
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
from flows.orchestration.answer_rows import format_text, list_rows
from flows.output.answer import Answer, WrittenPage
from flows.shared.progress_bars import LogLines

SITE = "EPHYRA_SITE"  # where `ephyra up` serves review and reports

_SECONDS_BEFORE_BAR = 2.0
_DIGITS = 6


def show_artifacts(workspace: Workspace, stage: str, answer: Answer) -> None:
    """Show a stage's answer in Prefect's UI: a table with its text, and links to its pages."""
    create_table_artifact(
        table=make_value_printable(list_rows(answer)),
        key=build_key(workspace, f"{stage} table"),
        description=make_value_printable(format_text(answer)),
    )
    for page in answer.pages:
        _show_page(workspace, page)


def build_key(workspace: Workspace, words: str) -> str:
    """Build the key of an artifact: Prefect's pages show only the newest artifact of a key.

    The key begins with the project's name and digits derived from its folder, so two projects of
    one name differ.
    """
    digits = hashlib.sha256(str(workspace.folder.resolve()).encode()).hexdigest()[:_DIGITS]
    return _format_key(f"{workspace.project.project.name} {digits} {words}")


class ProgressArtifacts(LogLines):
    """Progress as lines in the run's log, and as a bar in Prefect's UI for long work.

    Args:
        logger: of the run.
        name_key: builds an artifact's key from the name of the work.
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
        """Log the work that begins."""
        super().start(what, total)
        self._bars.append(_Bar(what, self._name_key(what)))

    def log_tenth(self, what: str, done: int, total: int) -> None:
        """Another tenth is done."""
        super().log_tenth(what, done, total)
        self._bars[-1].show(done, total)

    def finish(self) -> None:
        """Remove the bar of the work that began last."""
        super().finish()
        if self._bars:
            self._bars.pop().remove()


class _Bar:
    """A progress artifact, created once the work has lasted long enough."""

    def __init__(self, what: str, key: str) -> None:
        self._what = make_one_line(what)
        self._key = key
        self._started = time.monotonic()
        self._artifact: UUID | None = None

    def show(self, done: int, total: int) -> None:
        share = min(100.0, 100 * done / total)
        if self._artifact:
            update_progress_artifact(self._artifact, share)
        elif time.monotonic() - self._started > _SECONDS_BEFORE_BAR:
            words = f"{self._what}: {total} to do"
            created = create_progress_artifact(share, key=self._key, description=words)
            self._artifact = created if isinstance(created, UUID) else None

    def remove(self) -> None:
        """Delete the artifact: the stage's table reports finished work."""
        if self._artifact:
            with contextlib.suppress(
                httpx.HTTPError, PrefectException
            ):  # a leftover bar is no harm
                get_client(sync_client=True).delete_artifact(self._artifact)


def _format_key(words: str) -> str:
    """Format a key: Prefect allows lower-case letters, digits and dashes."""
    return "-".join(
        "".join(c if c.isalnum() and c.isascii() else " " for c in words.lower()).split()
    )


def show_contact_sheet(workspace: Workspace) -> None:
    """Show some images of each verdict in Prefect's UI."""
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
        description="Some of the images that the teacher accepted, queued and rejected.",
    )


def _show_page(workspace: Workspace, page: WrittenPage) -> None:
    create_link_artifact(
        link=_build_report_address(page.path),
        link_text=make_value_printable(page.title),
        key=build_key(workspace, page.key),
        description=make_value_printable(f"{page.about}. The page: {page.path}"),
    )


def _build_report_address(page: str) -> str:
    """Build a report's address: on the site of `ephyra up` where it runs, else a file's.

    A browser opens no file from a web page.
    """
    site = os.environ.get(SITE, "")
    folder = page.rstrip("/").split("/")[-2:]
    return f"{site}/reports/{'/'.join(folder)}" if site else Path(page).as_uri()
