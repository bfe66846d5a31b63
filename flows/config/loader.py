"""Read `ephyra.toml` and report every mistake with its line and what was expected."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_registry.errors import ProjectFileError, describe_reason
from flows.config.project_schema import Project
from flows.config.validation.file_mistakes import explain_mistakes
from flows.config.validation.toml_lines import Place, find_line

FILE_NAME = "ephyra.toml"
_TWICE = re.compile(r"Cannot declare \((.*)\) twice")
_QUOTED = r"'([^']*)'"


def load_project(folder: Path) -> Project:
    """Read the project of a folder.

    Raises:
        ProjectFileError: there is no file, it is no TOML, or it says something unknown.
    """
    return parse_project(read_project_text(folder), folder / FILE_NAME)


def parse_project(text: str, file: Path) -> Project:
    """Read a project from the text of its file.

    Args:
        text: TOML.
        file: what messages call it.

    Raises:
        ProjectFileError: it is no TOML, or it says something unknown.
    """
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise ProjectFileError(
            f"{file} cannot be read: its values stand too deep in one another. No key takes more "
            "than a list of lists"
        ) from None
    except ValueError as error:  # also a number of thousands of digits
        words = _TWICE.sub(_name_table, str(error)).replace(
            "Cannot overwrite a value", "a key stands twice"
        )
        raise ProjectFileError(f"{file} is not valid TOML: {words}") from error
    _refuse_nul(file.name, text, data, ())
    try:
        return Project.model_validate(data)
    except ValidationError as error:
        # The cause would show what was found there: a password, where a traceback is logged.
        raise ProjectFileError(explain_mistakes(file.name, text, data, error)) from None


def _name_table(match: re.Match[str]) -> str:
    """Name a table as the file does; tomllib names it as a tuple of Python."""
    return f"[{'.'.join(re.findall(_QUOTED, match[1]))}] stands twice"


def _refuse_nul(file_name: str, text: str, value: Any, place: Place) -> None:
    """Refuse texts with a NUL character: no path, database or server takes one."""
    if isinstance(value, str) and "\0" in value:
        where = ".".join(str(step) for step in place if isinstance(step, str))
        raise ProjectFileError(
            f"{file_name} line {find_line(text, place)}: {where}: the text holds a NUL character; "
            "expected one without"
        )
    if isinstance(value, dict | list):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        for step, inner in steps:
            _refuse_nul(file_name, text, inner, (*place, step))


def read_project_text(folder: Path) -> str:
    """Read the text of the project file.

    Raises:
        ProjectFileError: there is no file, or it cannot be read.
    """
    file = folder / FILE_NAME
    try:
        return file.read_text(encoding="utf-8-sig")  # with the mark that Windows writes, too
    except NotADirectoryError as error:
        raise ProjectFileError(
            f"{folder} is a file: expected the folder that holds {FILE_NAME}, with --project"
        ) from error
    except FileNotFoundError as error:
        raise ProjectFileError(
            f"there is no {FILE_NAME} in {folder.resolve()}. `ephyra init {folder}` writes one, or "
            "name the project's folder with --project"
        ) from error
    except UnicodeDecodeError as error:
        raise ProjectFileError(
            f"{file} cannot be read: it is not UTF-8 ({error.reason} at byte {error.start}); save "
            "it as UTF-8"
        ) from error
    except OSError as error:
        raise ProjectFileError(f"{file} cannot be read: {describe_reason(error)}") from error
