"""An answer as Prefect's artifacts take it: rows for a table, and text."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from flows.output.answer import Answer
from flows.shared.tables import format_counts

Row = dict[str, Any]


def list_rows(answer: Answer) -> list[Row]:
    """List the rows of an answer's first table; without a table, one row of its short values."""
    for item in answer.shown:
        if isinstance(item, Table):
            return _read_table(item)
    return [{name: words for name, value in answer.data.items() if (words := _shorten(value))}]


def format_text(answer: Answer) -> str:
    """Format an answer's lines, without its tables, as paragraphs."""
    return "\n\n".join(str(item) for item in answer.shown if isinstance(item, str | Text))


def _read_table(table: Table) -> list[Row]:
    names = [str(column.header) for column in table.columns]
    cells = (map(str, column.cells) for column in table.columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def _shorten(value: object) -> str:
    """Format a value that fits a cell: a text, a number, counts, or names; empty for others."""
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping) and all(isinstance(count, int) for count in value.values()):
        return format_counts(value)
    if isinstance(value, Sequence) and all(isinstance(name, str) for name in value):
        return "; ".join(value)
    return ""
