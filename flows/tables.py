"""Small tables and lists of counts, as a terminal shows them.

Whatever stands in a cell is shown as it is: file names and classes may hold any character, so
nothing here is read as markup.
"""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from rich.table import Table
from rich.text import Text

ROWS_SHOWN = 20
LINES_SHOWN = 10
_NAME_SHOWN = 12  # of a SHA-256; a workspace would need millions of images for two to be equal
_SHA256_LENGTH = 64


def table(*columns: str, wide: Sequence[str] = ()) -> Table:
    """An empty table.

    Args:
        columns: their headings, in order.
        wide: those whose text may be long: they alone are folded where the terminal is narrow.
    """
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=column not in wide)
    return drawn


def rows_of(frame: pd.DataFrame, wide: Sequence[str] = ()) -> Table:
    """The first `ROWS_SHOWN` rows of a table."""
    drawn = table(*map(str, frame.columns), wide=wide)
    for row in frame.head(ROWS_SHOWN).itertuples(index=False, name=None):
        drawn.add_row(*map(_cell, row))
    return drawn


def counted(counts: Mapping[str, int]) -> str:
    """For example "12 accepted, 3 review"; empty for no counts."""
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts of several places added up, by name."""
    total: dict[str, int] = {}
    for item in counts:
        for name, count in item.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items()))


def notice(text: str) -> Text:
    """A line that a person should not miss."""
    return Text(text, style="yellow")


def notices(texts: Sequence[str]) -> list[Text]:
    """A line for each of the first texts, and one that counts the rest."""
    lines = [notice(text) for text in texts[:LINES_SHOWN]]
    more = len(texts) - LINES_SHOWN
    return lines if more <= 0 else [*lines, notice(f"… and {more} more; --json names all")]


def short(name: str) -> str:
    """The beginning of a SHA-256."""
    return name[:_NAME_SHOWN]


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return short(text) if len(text) == _SHA256_LENGTH else text
