"""The table of an audit: one row for each file, for a spreadsheet or a script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from flows.folder_audit.audit_files import COLUMNS
from flows.folder_audit.folder_duplicates import DuplicateGroup, File, build_files

if TYPE_CHECKING:
    from flows.folder_audit.audit_stage import FolderAudit


def build_audit_table(audit: FolderAudit) -> pd.DataFrame:
    """Build the table: every file that was read, by group, then the others with the reason.

    Groups have the page's numbers, the worst first; files without a duplicate have none.
    """
    doubts = {each.path: each for each in audit.measured.doubtful} if audit.measured else {}
    rows = []
    for file, number, group in _iterate_files(audit):
        row: dict[str, object] = {"path": file.path, "split": file.split, "class": file.class_name}
        if group:
            row |= _group_columns(number, group)
        if doubt := doubts.get(file.path):
            row |= {
                "doubtful_as": doubt.predicted,
                "given_share": round(doubt.given_share, 4),
                "doubtful_share": round(doubt.predicted_share, 4),
            }
        rows.append(row)
    rows += [{"path": path, "not_read": why} for path, why in audit.images.unreadable]
    rows += [{"path": entry.path, "not_read": entry.why} for entry in audit.images.not_read]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"group": "Int64", "group_size": "Int64"})


def _iterate_files(audit: FolderAudit) -> Iterator[tuple[File, int, DuplicateGroup | None]]:
    for number, group in enumerate(audit.copies.groups, 1):
        for file in group.files:
            yield file, number, group
    alone = audit.files[~audit.files.duplicated("group_id", keep=False)]
    for file in build_files(alone):
        yield file, 0, None


def _group_columns(number: int, group: DuplicateGroup) -> dict[str, object]:
    return {
        "group": number,
        "group_size": len(group.files),
        "group_splits": " ".join(filter(None, group.splits)),
        "group_classes": "; ".join(group.classes),
        "found_by": "; ".join(group.methods),
    }
