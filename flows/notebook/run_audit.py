"""The audit of a folder, for notebooks."""

from pathlib import Path
from typing import Any

from flows.folder_audit.audit_stage import FolderAudit, audit_folder
from flows.folder_audit.audit_view import build_audit_answer
from flows.notebook.cell_bars import show_progress_here
from flows.steps.result import Result


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
    with show_progress_here() as progress:
        audited = audit_folder(Path(folder), Path(page), progress=progress, **options)
    return Result(audited, build_audit_answer(audited, Path(page)))
