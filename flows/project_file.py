"""Reading `ephyra.toml`: every mistake is told with its line and what was expected."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_registry.errors import ProjectFileError
from flows.project import Project

FILE_NAME = "ephyra.toml"

_TABLE = re.compile(r"\s*\[{1,2}\s*([A-Za-z0-9_.\-]+)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-]+)\s*=")


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
        raise ProjectFileError(f"{file} cannot be read: {error}") from error
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
    """The line of a key, counted from 1; of its table where the key itself is not there.

    Args:
        text: the TOML file.
        place: the way to the value, such as ``("train", "models", 1, "steps")``.
    """
    table, wanted, key = _table_and_key(place)
    found, current, seen = 1, "", Counter({"": 1})
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            current = header[1]
            seen[current] += 1
            if current in (table, key) and seen[current] == wanted:
                found = number
        elif (match := _KEY.match(line)) and (current, seen[current]) == (table, wanted):
            found = number if match[1] == key else found
    return found


def _table_and_key(place: Sequence[str | int]) -> tuple[str, int, str]:
    """The table's dotted name, which of the tables of that name (from 1), and the key in it."""
    numbers = [index for index, part in enumerate(place) if isinstance(part, int)]
    if numbers:
        cut = numbers[0]
        key = str(place[cut + 1]) if len(place) > cut + 1 else ""
        return ".".join(map(str, place[:cut])), int(place[cut]) + 1, key
    *table, key = map(str, place) if place else [""]
    return ".".join(table), 1, key
