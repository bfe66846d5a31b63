"""An opened project: its file, its folder and its registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_registry.registry import Registry
from flows.project_file import load_project
from flows.project_folder import ProjectFolder


@dataclass(frozen=True)
class Workspace(ProjectFolder):
    """What every stage works on.

    Attributes:
        registry: images and all that was said of them.
    """

    registry: Registry


@contextmanager
def open_workspace(folder: Path) -> Iterator[Workspace]:
    """Open a project for the length of a `with`.

    Raises:
        ProjectFileError: the project file is missing or wrong.
        StorageError: the workspace cannot be opened.
    """
    project = load_project(folder)
    files = project.storage.files
    root = files if "://" in files else str((folder / files).resolve())
    with Registry.open(root, database_url(folder, project.storage.database)) as registry:
        yield Workspace(folder, project, registry)


def database_url(folder: Path, url: str) -> str | None:
    """An SQLAlchemy address; None where it is empty.

    A relative SQLite file lies in the project's folder, wherever the command was given.
    """
    name = url.removeprefix("sqlite:///")
    if not url or name == url or Path(name).is_absolute():
        return url or None
    return f"sqlite:///{(folder / name).resolve()}"
