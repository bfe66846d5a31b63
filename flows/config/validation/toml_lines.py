"""Where a value of a TOML file stands: the line of its key."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

Place = tuple[str | int, ...]

_NAME = r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'"""
_DOTTED = rf"(?:{_NAME})(?:\s*\.\s*(?:{_NAME}))*"
_HEADER = re.compile(rf"\s*(\[{{1,2}})\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


def find_line(text: str, place: Sequence[str | int]) -> int:
    """Find the line, counted from 1, nearest to a place: its key, else its table.

    Args:
        text: the TOML file.
        place: the way to the value, such as ``("train", "models", 1, "steps")``.
    """
    nearest, most = 1, 0
    for number, here in _list_places(text):
        shared = _count_common_steps(here, place)
        if shared > most:
            nearest, most = number, shared
    return nearest


def _list_places(text: str) -> Iterator[tuple[int, Place]]:
    """List the place of each line with a table's header or a key."""
    count_of_table: Counter[Place] = Counter()
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _enter_last_tables(_split_names(header[2]), count_of_table)
            if header[1] == "[[":
                count_of_table[table] += 1
                table = (*table, count_of_table[table] - 1)
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_split_names(key[1]))


def _enter_last_tables(names: Place, count_of_table: Mapping[Place, int]) -> Place:
    """Add indices to the names: ``[train.models.x]`` belongs to the last ``[[train.models]]``."""
    here: Place = ()
    for name in names[:-1]:
        here = (*here, name)
        here = (*here, count_of_table[here] - 1) if count_of_table[here] else here
    return (*here, *names[-1:])


def _split_names(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in re.findall(_NAME, dotted))


def _count_common_steps(here: Place, place: Sequence[str | int]) -> int:
    """Count the steps that two places share from their start."""
    pairs = zip(here, place, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
