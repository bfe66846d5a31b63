"""The flow `collect-and-label`: thin over the stages, so that each can be watched and retried.

A task opens the project itself and takes nothing but its folder: what it finds done it does not
do again, because the registry's own keys say so.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task

from data_registry.progress import Silent
from flows.plain import plain, plain_record
from flows.progress import LogLines, current_progress, reporting
from flows.stages import collect_stage, group_stage, import_stage, label_stage, merge_stage
from flows.training import train_stage
from flows.workspace import open_workspace

Found = dict[str, Any]


@task(name="import")
def import_task(project: Path, labelled_set: Path) -> Found:
    """Import a labelled set."""
    with open_workspace(project) as workspace:
        return plain_record(import_stage(workspace, labelled_set, current_progress()))


@task(name="collect")
def collect_task(project: Path) -> Found:
    """Find more images."""
    with open_workspace(project) as workspace:
        return {"providers": plain(collect_stage(workspace, current_progress()))}


@task(name="group")
def group_task(project: Path) -> Found:
    """Compute features and draw the groups."""
    with open_workspace(project) as workspace:
        return plain_record(group_stage(workspace, current_progress()))


@task(name="label")
def label_task(project: Path) -> Found:
    """Let the teacher decide on the pool."""
    with open_workspace(project) as workspace:
        return plain_record(label_stage(workspace, current_progress()))


@task(name="merge")
def merge_task(project: Path) -> Found:
    """Publish a version."""
    with open_workspace(project) as workspace:
        return plain_record(merge_stage(workspace))


@task(name="train")
def train_task(project: Path) -> Found:
    """Train both arms of every model, compare, report."""
    with open_workspace(project) as workspace:
        return plain_record(train_stage(workspace, "", current_progress()))


@flow(name="collect-and-label", validate_parameters=True)
def collect_and_label(project: Path = Path(), labelled_set: Path | None = None) -> Found:
    """From a labelled set and the web to a better model.

    Args:
        project: the folder of ephyra.toml.
        labelled_set: an ImageFolder to import first; not needed when it was imported before.

    Returns:
        What each stage found, by the stage's name, and under ``seconds`` how long each took.
    """
    silent = isinstance(current_progress(), Silent)
    progress = LogLines(get_run_logger()) if silent else current_progress()
    with reporting(progress):
        found: Found = {"seconds": {}}
        if labelled_set is not None:
            _timed(found, "import", lambda: import_task(project, labelled_set))
        for name, stage in (
            ("collect", collect_task),
            ("group", group_task),
            ("label", label_task),
            ("merge", merge_task),
            ("train", train_task),
        ):
            _timed(found, name, partial(stage, project))
        return found


def _timed(found: Found, name: str, stage: Callable[[], Found]) -> None:
    """Keep what a stage found, and how many seconds it took."""
    started = time.perf_counter()
    found[name] = stage()
    found["seconds"][name] = round(time.perf_counter() - started, 1)
