"""Small projects in temporary folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_project import write_found, write_labelled_set, write_project

from flows.config.workspace import open_workspace
from flows.stages.stages import import_stage


@pytest.fixture(autouse=True, scope="session")
def single_thread() -> Iterator[None]:
    """Tiny models gain nothing from two threads, and lose tenfold beside other busy processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Build a project file, a labelled set and a folder of found files; nothing imported yet."""
    folder = write_project(tmp_path / "bay")
    write_labelled_set(folder / "labelled")
    write_found(folder / "found")
    return folder


@pytest.fixture
def imported(project: Path) -> Path:
    """Build the same with the labelled set imported."""
    with open_workspace(project) as workspace:
        import_stage(workspace, project / "labelled")
    return project
