"""Small tables and lists of counts, as a terminal shows them.

Whatever stands in a cell is shown as it is: file names and classes may hold any character, so
nothing here is read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from data_registry.text.hashes import shorten_hash
from data_registry.text.wording import choose_verb_form

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 20
LINES_SHOWN = 10
_SHA256_LENGTH = 64
_FOLDED_TO = 12  # characters that a folded column needs to be read


class FittingTable(Table):
    """A table where it fits, else a block of lines for each row: no column is ever lost."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as the terminal is."""
        if self._compute_least_width(console, options) <= options.max_width or not self.row_count:
            yield from super().__rich_console__(console, options)
            return
        for row in zip(*(column.cells for column in self.columns), strict=True):
            yield from self._render_block(row)

    def _compute_least_width(self, console: Console, options: ConsoleOptions) -> int:
        widths = (self._measure_column(console, options, column) for column in self.columns)
        least = sum(
            width.maximum if column.no_wrap else min(width.maximum, _FOLDED_TO)
            for column, width in zip(self.columns, widths, strict=True)
        )
        return least + len(self.columns) - 1

    def _render_block(self, cells: Sequence[RenderableType]) -> Iterator[Text]:
        """Render the row's first cell, and below it the other columns."""
        parts = [
            Text.assemble((f"{column.header} ", "bold"), _make_text(cell))
            for column, cell in zip(self.columns, cells, strict=True)
            if _make_text(cell).plain
        ]
        yield parts[0] if parts else Text()
        if parts[1:]:
            yield Text("  ") + Text(", ").join(parts[1:])


def build_table(*columns: str, wide: Sequence[str] = ()) -> Table:
    """Build an empty table; where not even its folded columns fit, a row becomes a block of lines.

    Args:
        columns: their headings, in order.
        wide: those whose text may be long: they alone are folded where the terminal is narrow.
    """
    drawn = FittingTable(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=column not in wide)
    return drawn


def build_row_table(frame: pd.DataFrame, wide: Sequence[str] = ()) -> Table:
    """Build a table of the first `ROWS_SHOWN` rows, a line each; long text ends in an ellipsis."""
    drawn = build_table(*map(str, frame.columns), wide=wide)
    for row in frame.head(ROWS_SHOWN).itertuples(index=False, name=None):
        cells = zip(frame.columns, map(_format_cell, row), strict=True)
        drawn.add_row(*(_fit_on_line(text) if name in wide else text for name, text in cells))
    return drawn


def _fit_on_line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _make_text(cell: RenderableType) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))


def format_counts(counts: Mapping[str, int]) -> str:
    """Format counts, for example "12 accepted, 3 review"; empty for no counts."""
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def describe_right_of_accepted(fold: Mapping[str, Any]) -> str:
    """Describe how many of the labelled images that would be accepted are right."""
    if not fold["accepted"]:
        return "none of them would be accepted"
    verb = choose_verb_form(fold["accepted_right"], "is", "are")
    return f"{fold['accepted_right']} of {fold['accepted']} that would be accepted {verb} right"


def sum_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up the counts of several mappings by name."""
    total: dict[str, int] = {}
    for mapping in counts:
        for name, count in mapping.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items()))


def build_notice(text: str) -> Text:
    """Build a highlighted line."""
    return Text(text, style="yellow")


def build_notices(texts: Sequence[str]) -> list[Text]:
    """Build a highlighted line for each of the first texts, and one that counts the rest."""
    lines = [build_notice(text) for text in texts[:LINES_SHOWN]]
    more = len(texts) - LINES_SHOWN
    return lines if more <= 0 else [*lines, build_notice(f"… and {more} more; --json shows all")]


def _format_cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return shorten_hash(text) if len(text) == _SHA256_LENGTH else text
