"""An opened project: its file, its folder and its registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from data_registry.registry import Registry
from data_registry.storage.database_urls import parse_database_url
from flows.config.loader import load_project
from flows.config.project_folder import ProjectFolder


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
    root = files if "://" in files else ProjectFolder(folder, project).resolve_path(files)
    with Registry.open(root, resolve_database_url(folder, project.storage.database)) as registry:
        yield Workspace(folder, project, registry)


def resolve_database_url(folder: Path, url: str) -> sa.URL | None:
    """Read an SQLAlchemy address; None where it is empty.

    A relative SQLite file lies in the project's folder, wherever the command was given.

    Raises:
        StorageError: it is no such address.
    """
    return parse_database_url(url, folder) if url else None
