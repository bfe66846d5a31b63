"""The page of an audit: one self-contained HTML file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup, escape

from data_registry.ingest.folder_walk import describe_unread_entries
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.text.file_names import escape_file_name
from flows.folder_audit.audit_files import PAGE_MARK
from flows.folder_audit.folder_duplicates import DuplicateGroup
from flows.folder_audit.headline import describe_duplicates, format_headline
from flows.reports.html_pages import build_thumbnails, create_environment

if TYPE_CHECKING:
    from flows.folder_audit.audit_stage import FolderAudit

GROUPS_SHOWN = 24  # of each section; the table has all
FILES_SHOWN = 6  # of each group
LABELS_SHOWN = 36
_TEMPLATES = Path(__file__).parent / "templates"
_Section = tuple[str, list[tuple[int, DuplicateGroup]], int]


def render_audit_page(
    registry: Registry, audit: FolderAudit, table: Path, progress: Progress
) -> str:
    """Render the page as HTML.

    Args:
        registry: stores the images.
        audit: the content.
        table: the CSV file beside the page.
        progress: told of every thumbnail.
    """
    sections = _build_sections(audit.copies.groups)
    doubtful = audit.measured.doubtful[:LABELS_SHOWN] if audit.measured else ()
    shown = [
        file.sha256
        for _, groups, _ in sections
        for _, group in groups
        for file in group.files[:FILES_SHOWN]
    ]
    pictures = build_thumbnails(registry, [*shown, *(each.sha256 for each in doubtful)], progress)
    templates = create_environment(_TEMPLATES)
    templates.filters["picture"] = lambda sha256: pictures[sha256]
    templates.filters["points"] = lambda share: f"{100 * share:.1f}\u00a0%"
    templates.filters["breakable"] = _insert_line_breaks
    return templates.get_template("audit.html.j2").render(
        mark=PAGE_MARK,
        audit=audit,
        copies=audit.copies,
        headline=format_headline(audit),
        duplicates_in_words=describe_duplicates(audit.copies),
        not_read=[*audit.images.notes, *describe_unread_entries(audit.images.not_read)],
        sections=sections,
        files_shown=FILES_SHOWN,
        doubtful=doubtful,
        measured=audit.measured,
        table=escape_file_name(table.name),
        table_address=quote(os.fsencode(table.name)),
    )


def _build_sections(groups: Sequence[DuplicateGroup]) -> list[_Section]:
    """Build the sections: title, the numbered groups to show, and the number of all groups.

    No group is in two sections.
    """
    sections: dict[str, list[tuple[int, DuplicateGroup]]] = {
        "Duplicates across splits": [],
        "Duplicates in several classes": [],
        "Duplicates within a split": [],
    }
    across_splits, across_classes, within = sections.values()
    for number, group in enumerate(groups, 1):
        otherwise = across_classes if group.across_classes else within
        (across_splits if group.across_splits else otherwise).append((number, group))
    return [(title, all_[:GROUPS_SHOWN], len(all_)) for title, all_ in sections.items() if all_]


def _insert_line_breaks(path: str) -> Markup:
    """Insert optional line breaks into a path, after slashes, dashes and underscores."""
    parts = re.split(r"(?<=[/_-])", path)
    return Markup("<wbr>").join(map(escape, parts))
