"""CSV files that are safe to open in a spreadsheet: no text runs as a formula, and none is lost.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, which may
send the sheet's other cells elsewhere or start a program. Creators, addresses and file names are
written by strangers, so such a text gets an apostrophe in front, which reading takes away again.
Numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_registry.errors import InputError, StorageError

if TYPE_CHECKING:
    import pandas as pd

_QUOTE = "'"
# What begins a formula, or is dropped before one; the wide characters mean the same to spreadsheets
# in Japanese and Chinese. Apostrophes before it count too, so that reading can tell ours apart.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001
_LONGEST_HEADER = 100_000  # characters
_LINE_END = "\r\n"  # Python quotes a cell that holds a line's end only where lines end like this
_DELIMITERS = (",", ";", "\t", "|")  # what spreadsheets write, by the language they speak
# A first line by which Excel tells and is told the delimiter.
_DELIMITER_LINE = re.compile(r'"?sep=(?P<delimiter>[^\r\n"])"?\s*', re.IGNORECASE)


def neutralise_cell(text: str) -> str:
    """Return the text as a cell that no spreadsheet takes for a formula."""
    return f"{_QUOTE}{text}" if _FORMULA.match(text) else text


def restore_cell(cell: str) -> str:
    """Return the text of which `neutralise_cell` made the cell."""
    is_neutralised = cell.startswith(_QUOTE) and _FORMULA.match(cell)
    return cell.removeprefix(_QUOTE) if is_neutralised else cell


def write_csv(table: pd.DataFrame, file: Path) -> None:
    """Write a table with neutralised texts; numbers stay numbers.

    Raises:
        InputError: the file exists and is no earlier table of this kind: it may be the user's own.
        StorageError: the file cannot be written.
    """
    refuse_other_table(file, [str(name) for name in table.columns])
    safe = table.apply(_neutralise_column).rename(columns=neutralise_cell)
    try:
        # A file name that is no UTF-8 is written by its bytes' numbers.
        safe.to_csv(file, index=False, lineterminator=_LINE_END, errors="backslashreplace")
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error


def refuse_other_table(file: Path, columns: Sequence[str]) -> None:
    """Refuse to write over a file whose header is not that of the table to write.

    Raises:
        InputError: it exists, and has other columns.
    """
    if not file.is_file() or not file.stat().st_size:
        return
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        first = lines.readline(_LONGEST_HEADER)
    if next(csv.reader([first]), []) != [neutralise_cell(name) for name in columns]:
        raise InputError(
            f"{file} exists and is another file (it begins {first.strip()[:40]!r}): it would be "
            "lost. Name a new file, or move this one; nothing was written"
        )


class CsvReader:
    """Reads rows of a CSV with a header, whichever delimiter a spreadsheet wrote.

    Blank lines and Excel's ``sep=;`` before the header are passed over. Names of columns are read
    in lower case, without spaces around them.

    Args:
        text: the file's text, line ends as they are.
        wanted: columns that tell the delimiter, in lower case; none of them may stand twice.
        is_strict: whether a quote in a wrong place, or a cell without a column, is an error.

    Raises:
        csv.Error: a wanted column stands twice; while reading, the text is no CSV.
    """

    def __init__(self, text: str, wanted: Collection[str], is_strict: bool = False) -> None:
        self._lines_above, text, stated = _skip_lines_above(text)
        delimiters = [stated] if stated else _DELIMITERS
        readers = [_open_reader(text, delimiter, is_strict) for delimiter in delimiters]
        fitting = (item for item in readers if set(wanted) <= set(_read_columns(item)))
        self._reader = next(fitting, readers[0])
        self._is_strict = is_strict
        twice = [name for name in wanted if self.columns.count(name) > 1]
        if twice:
            raise csv.Error(
                f"line {self._lines_above + 1} has several columns {' and '.join(sorted(twice))}; "
                "leave one"
            )

    @property
    def columns(self) -> list[str]:
        """The names in the header."""
        return _read_columns(self._reader)

    @property
    def line(self) -> int:
        """The number of the line that was read last, from 1."""
        return self._lines_above + self._reader.line_num

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield each row with the number of its last line; missing cells are empty."""
        for row in self._reader:
            self._refuse_surplus(row)
            yield (
                self.line,
                {
                    _read_column(name): restore_cell(cell or "")
                    for name, cell in row.items()
                    if name
                },
            )

    def _refuse_surplus(self, row: Mapping[str | None, object]) -> None:
        """Refuse cells beyond the columns: a comma in a text without quotes makes them."""
        if self._is_strict and None in row:
            count = len(self.columns)
            raise csv.Error(
                f"line {self.line} has more cells than the header's {count}: put a text that holds "
                "a delimiter in double quotes"
            )


def _neutralise_column(column: pd.Series) -> pd.Series:
    import pandas as pd  # readers go without it

    if pd.api.types.is_numeric_dtype(column):
        return column
    cells = [neutralise_cell(cell) if isinstance(cell, str) else cell for cell in column]
    return pd.Series(cells, index=column.index, dtype=object)


def _skip_lines_above(text: str) -> tuple[int, str, str]:
    """Skip what stands above the header: how many lines, the rest, the delimiter if it is told."""
    lines = io.StringIO(text, newline="")
    count, stated = 0, ""
    while line := lines.readline():
        told = _DELIMITER_LINE.fullmatch(line)
        if line.strip() and (told is None or stated):
            return count, line + lines.read(), stated
        count, stated = count + 1, told["delimiter"] if told else stated
    return 0, "", stated


def _read_columns(reader: csv.DictReader[str]) -> list[str]:
    return [_read_column(name) for name in reader.fieldnames or ()]


def _read_column(name: str) -> str:
    return restore_cell(name).strip().lower()


def _open_reader(text: str, delimiter: str, is_strict: bool) -> csv.DictReader[str]:
    lines = io.StringIO(text, newline="")
    return csv.DictReader(lines, delimiter=delimiter, strict=is_strict)
