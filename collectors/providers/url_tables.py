"""Read CSV files that list candidates."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from collectors.provider_problems import note_bad_record
from data_registry.csv_files import CsvReader
from data_registry.errors import ProviderError
from data_registry.images.records import Source

Row = Mapping[str, str]


def read_text(path: Path) -> str:
    """Read a UTF-8 text file with its line ends.

    Raises:
        ProviderError: it is missing, unreadable, or not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends inside of a cell stay
    except FileNotFoundError as error:
        raise ProviderError(f"{path} does not exist; expected the path of a file") from error
    except OSError as error:
        raise ProviderError(
            f"{path} cannot be read: {error.strerror}; expected a file you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise ProviderError(f"{path} is not UTF-8 text: {error}; save it as UTF-8") from error
    except ValueError as error:  # a path with a NUL
        raise ProviderError(f"{path} cannot be read: {error}; expected a path") from error


def read_table(path: Path, required: str) -> Iterator[tuple[int, Row]]:
    """Read the rows of a CSV file with a header, each with the number of its last line.

    Other columns are ignored; cells are stripped, and missing ones are empty. A row without the
    required cell is left out and counted.

    Args:
        path: the CSV file.
        required: a column that must exist and be filled.

    Raises:
        ProviderError: the file cannot be read, or the column is missing, or filled in no row.
    """
    reader = _open_table(path, required)
    first_error: ProviderError | None = None
    is_usable = False
    try:
        for line, cells in reader:
            row = {name: cells.get(name, "").strip() for name in reader.columns}
            if row[required]:
                is_usable = True
                yield line, row
                continue
            error = ProviderError(
                f"{path}, line {line}: {required!r} is empty; fill it in or delete the line"
            )
            first_error = first_error or error
            note_bad_record(error)
    except csv.Error as error:
        raise ProviderError(
            f"{path}, line {reader.line}: {error}; expected comma-separated values"
        ) from error
    if first_error is not None and not is_usable:
        raise first_error


def _require_column(path: Path, columns: Sequence[str], required: str) -> None:
    if required not in columns:
        names = ", ".join(columns) or "no header"
        raise ProviderError(
            f"{path} has no column {required!r}; found: {names}. Name the column in the first line"
        )


def _open_table(path: Path, required: str) -> CsvReader:
    try:
        reader = CsvReader(read_text(path), [required], is_strict=True)
        _require_column(path, reader.columns, required)
    except csv.Error as error:
        raise ProviderError(f"{path}: {error}; expected comma-separated values") from error
    return reader


def build_source(row: Row, provider: str, url: str) -> Source:
    """Build a source from the columns of the same names."""
    return Source(
        provider=provider,
        url=url,
        query=row.get("query", ""),
        page_url=row.get("page_url", ""),
        licence=row.get("licence", ""),
        licence_url=row.get("licence_url", ""),
        creator=row.get("creator", ""),
    )
