"""The audit of a folder, for notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.folder_audit.audit_files import check_audit_files
from flows.notebook.cell_bars import show_progress_here
from flows.steps.result import Result

if TYPE_CHECKING:
    from flows.folder_audit.audit_stage import FolderAudit


def audit(
    folder: str | Path, page: str | Path = "audit.html", **options: Any
) -> Result[FolderAudit]:
    """Find duplicates across the splits and classes of a folder, which is not changed.

    Args:
        folder: one folder for each class, with or without train, valid and test above them.
        page: the HTML page to write; ``audit.csv`` lies beside it.
        options: see `flows.folder_audit.audit_stage.audit_folder`.

    Returns:
        The audit; false where val or test share photographs with another split.
    """
    checked = {"patterns", "limits", "is_nested"} & options.keys()
    check_audit_files(Path(folder), Path(page), **{name: options[name] for name in checked})
    from flows.folder_audit.audit_stage import audit_folder
    from flows.folder_audit.audit_view import build_audit_answer

    with show_progress_here() as progress:
        audited = audit_folder(Path(folder), Path(page), progress=progress, **options)
    return Result(audited, build_audit_answer(audited, Path(page)))
