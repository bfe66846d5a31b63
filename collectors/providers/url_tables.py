"""CSV files that list candidates."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from collectors.provider_problems import note_bad_record
from data_registry.csv_files import CsvReader
from data_registry.errors import ProviderError
from data_registry.images.records import Source

Row = Mapping[str, str]


def read_text(path: Path) -> str:
    """A UTF-8 text file, line ends as they are.

    Raises:
        ProviderError: it is missing, unreadable, or not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends inside of a cell stay
    except FileNotFoundError as error:
        raise ProviderError(f"{path} does not exist; give the path of an existing file") from error
    except OSError as error:
        raise ProviderError(
            f"{path} cannot be read: {error.strerror}; expected a file you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise ProviderError(f"{path} is not UTF-8 text: {error}; save it as UTF-8") from error


def read_table(path: Path, required: str) -> Iterator[tuple[int, Row]]:
    """The rows of a CSV file with a header, each with the number of the line it ends on.

    Columns that nobody asks for do no harm; cells are stripped, and missing ones are empty. A row
    without the required cell is left out and counted.

    Args:
        path: the CSV file.
        required: a column that must be there and filled.

    Raises:
        ProviderError: the file cannot be read, or the column is missing, or filled in no row.
    """
    reader = CsvReader(read_text(path), [required], is_strict=True)
    columns = reader.columns
    if required not in columns:
        found = ", ".join(columns) or "no header"
        raise ProviderError(
            f"{path} has no column {required!r}; found: {found}. Name the column in the first line"
        )
    bad: list[ProviderError] = []
    is_usable = False
    try:
        for line, cells in reader:
            row = {name: cells.get(name, "").strip() for name in columns}
            if row[required]:
                is_usable = True
                yield line, row
                continue
            bad.append(
                ProviderError(
                    f"{path}, line {line}: {required!r} is empty; fill it in or delete the line"
                )
            )
            note_bad_record(bad[-1])
    except csv.Error as error:
        raise ProviderError(
            f"{path}, line {reader.line}: {error}; expected comma-separated values"
        ) from error
    if bad and not is_usable:
        raise bad[0]


def build_source(row: Row, provider: str, url: str) -> Source:
    """The source facts that a row states in the columns named like them."""
    return Source(
        provider=provider,
        url=url,
        query=row.get("query", ""),
        page_url=row.get("page_url", ""),
        licence=row.get("licence", ""),
        licence_url=row.get("licence_url", ""),
        creator=row.get("creator", ""),
    )
