"""The files that an audit reads and writes, checked before any slow library is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_registry.csv_files import refuse_other_table
from data_registry.duplicates.name_patterns import compile_pattern
from data_registry.errors import InputError, StorageError
from data_registry.images.image_limits import DEFAULT_LIMITS, ImageLimits
from data_registry.ingest.labelled_set import read_labelled_set
from data_registry.text.file_names import escape_file_name

PAGE_MARK = "Ephyra audit"  # in the page, so that no other file is overwritten by the next
COLUMNS = (
    "path", "split", "class", "group", "group_size", "group_splits", "group_classes", "found_by",
    "doubtful_as", "given_share", "doubtful_share", "not_read",
)  # fmt: skip
_BEGINNING = 2_000  # characters of a page, which hold its mark


def check_audit_files(
    folder: Path,
    page: Path,
    patterns: Sequence[str] = (),
    *,
    limits: ImageLimits = DEFAULT_LIMITS,
    is_nested: bool = False,
) -> None:
    """Check what an audit is asked for: the folder, the files to write, the name patterns.

    The arguments are those of `flows.folder_audit.audit_stage.audit_folder`.

    Raises:
        LabelledSetError: the folder is no labelled set.
        InputError: the page or the table would overwrite another file.
        ProjectFileError: a pattern is not valid.
    """
    read_labelled_set(folder, limits, is_nested=is_nested)
    refuse_to_overwrite(page)
    for pattern in patterns:
        compile_pattern(pattern)


def get_table_path(page: Path) -> Path:
    """Get the path of a page's table: the same name with the ending .csv."""
    return page.with_suffix(".csv")


def refuse_to_overwrite(page: Path) -> None:
    """Refuse to overwrite a file that is not an audit.

    Raises:
        InputError: the page or its table is another file.
    """
    shown = escape_file_name(str(page))
    if not page.name or page.is_dir():
        raise InputError(
            f"--page {shown} is a folder: expected the name of the page, such as audit.html"
        )
    if page.suffix.lower() == ".csv":
        raise InputError(
            f"--page {shown} is the name of the table beside the page: expected a name in .html"
        )
    refuse_other_table(get_table_path(page), COLUMNS)
    if page.is_file() and page.stat().st_size:
        with page.open(encoding="utf-8", errors="replace") as file:
            if PAGE_MARK not in file.read(_BEGINNING):
                raise InputError(
                    f"{shown} exists and is not an audit by Ephyra; nothing was written. Name "
                    "another file with --page"
                )


def write_page(page: Path, text: str) -> None:
    """Write the page.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{escape_file_name(str(page))} cannot be written: {error.strerror or error}"
        ) from error
