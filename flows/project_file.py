"""Reading `ephyra.toml`: every mistake is told with its line and what was expected."""

import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_registry.errors import ProjectFileError, reason_of
from flows.project import Project

FILE_NAME = "ephyra.toml"

Place = tuple[str | int, ...]

_NAME = r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'"""
_DOTTED = rf"(?:{_NAME})(?:\s*\.\s*(?:{_NAME}))*"
_HEADER = re.compile(rf"\s*(\[{{1,2}})\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


def load_project(folder: Path) -> Project:
    """The project of a folder.

    Raises:
        ProjectFileError: there is no file, it is no TOML, or it says something unknown.
    """
    file = folder / FILE_NAME
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ProjectFileError(
            f"there is no {FILE_NAME} in {folder.resolve()}. `ephyra init {folder}` writes one, or "
            "name the project's folder with --project"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectFileError(f"{file} cannot be read: {reason_of(error)}") from error
    try:
        return Project.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProjectFileError(f"{file} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise ProjectFileError(_explained(file, text, error)) from error


def _explained(file: Path, text: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        place = problem["loc"]
        name = ".".join(str(part) for part in place if not isinstance(part, int)) or "the file"
        lines.append(f"{file.name} line {line_of(text, place)}: {name}: {_words(problem)}")
    return "\n".join(lines)


def _words(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such key; `ephyra init` writes a file with every key explained"
    if problem["type"] == "missing":
        return "this key is missing"
    return f"{problem['msg'].removeprefix('Value error, ')} (found {problem['input']!r:.80})"


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line, counted from 1, that comes nearest to a place: its key, else its table.

    Args:
        text: the TOML file.
        place: the way to the value, such as ``("train", "models", 1, "steps")``.
    """
    found, most = 1, 0
    for number, here in _places(text):
        shared = _common(here, place)
        if shared > most:
            found, most = number, shared
    return found


def _places(text: str) -> Iterator[tuple[int, Place]]:
    """Where each line with a table's header or a key stands."""
    count_of_table: Counter[Place] = Counter()
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _in_last_tables(_names(header[2]), count_of_table)
            if header[1] == "[[":
                count_of_table[table] += 1
                table = (*table, count_of_table[table] - 1)
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_names(key[1]))


def _in_last_tables(names: Place, count_of_table: Mapping[Place, int]) -> Place:
    """``[train.models.x]`` belongs to the last ``[[train.models]]`` above it."""
    here: Place = ()
    for name in names[:-1]:
        here = (*here, name)
        here = (*here, count_of_table[here] - 1) if count_of_table[here] else here
    return (*here, *names[-1:])


def _names(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in re.findall(_NAME, dotted))


def _common(here: Place, place: Sequence[str | int]) -> int:
    """How many steps two ways begin with alike."""
    pairs = zip(here, place, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
