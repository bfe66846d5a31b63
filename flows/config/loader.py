"""Reading `ephyra.toml`: every mistake is told with its line and what was expected."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from data_registry.errors import ProjectFileError, describe_reason
from flows.config.project_schema import Project
from flows.config.validation.file_mistakes import explain_mistakes

FILE_NAME = "ephyra.toml"


def load_project(folder: Path) -> Project:
    """The project of a folder.

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
    except tomllib.TOMLDecodeError as error:
        raise ProjectFileError(f"{file} is not valid TOML: {error}") from error
    try:
        return Project.model_validate(data)
    except ValidationError as error:
        # The cause would show what was found there: a password, where a traceback is logged.
        raise ProjectFileError(explain_mistakes(file.name, text, data, error)) from None


def read_project_text(folder: Path) -> str:
    """The project file as it is written.

    Raises:
        ProjectFileError: there is no file, or it cannot be read.
    """
    file = folder / FILE_NAME
    try:
        return file.read_text(encoding="utf-8")
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
