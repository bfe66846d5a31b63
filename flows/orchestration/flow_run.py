"""Shared by both flows: one flow at a time, stages in order, durations, progress, shards."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prefect import get_run_logger, unmapped
from prefect.futures import as_completed
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from data_registry.lock import hold_workspace
from data_registry.progress import SilentProgress, report_phase
from flows.config.sections.schedule_section import WorkSection
from flows.config.workspace import open_workspace
from flows.orchestration.artifacts import ProgressArtifacts, build_key
from flows.orchestration.package_logs import enable_package_logging
from flows.orchestration.tasks import Found, embed_shard
from flows.shared.progress_bars import get_current_progress, use_progress
from flows.stages.embedding import list_images_without_features

Stage = Callable[[], Found]


@contextmanager
def hold_project(project: Path) -> Iterator[None]:
    """Hold the workspace, and report progress to Prefect unless a caller shows it.

    Raises:
        BusyError: another flow is running on the workspace.
    """
    enable_package_logging()
    with open_workspace(project) as workspace, hold_workspace(workspace.registry):
        progress = get_current_progress()
        if isinstance(progress, SilentProgress):
            progress = ProgressArtifacts(get_run_logger(), partial(build_key, workspace))
        with use_progress(progress):
            yield


def run_stages(stages: Mapping[str, Stage]) -> Found:
    """Run stages one after the other.

    Returns:
        Each stage's result by its name, and their durations under ``seconds``.
    """
    found: Found = {"seconds": {}}
    for name, stage in stages.items():
        started = time.perf_counter()
        with report_phase(get_current_progress(), name, None):
            found[name] = stage()
        found["seconds"][name] = round(time.perf_counter() - started, 1)
    return found


def compute_features_in_shards(project: Path) -> Found:
    """Compute the features of new images in shards, on the project's task runner."""
    with open_workspace(project) as workspace:
        missing, work = list_images_without_features(workspace), workspace.project.work
    shards = list(split_into_shards(missing, work.shard_size))
    progress = get_current_progress()
    progress.start("features", len(missing))
    try:
        with _create_task_runner(work) as runner:
            given = {"project": unmapped(project), "sha256s": shards}
            futures = runner.map(embed_shard, given)  # type: ignore[arg-type] # invariant in Prefect
            for future in as_completed(list(futures)):
                progress.advance(future.result())
    finally:
        progress.finish()
    return {"images": len(missing), "shards": len(shards)}


def split_into_shards(sha256s: Sequence[str], size: int) -> Iterator[list[str]]:
    """Split names into shards of at most `size`."""
    for start in range(0, len(sha256s), size):
        yield list(sha256s[start : start + size])


def _create_task_runner(work: WorkSection) -> TaskRunner[Any]:
    if work.runner == "processes":
        return ProcessPoolTaskRunner(max_workers=work.workers)
    return ThreadPoolTaskRunner(max_workers=work.workers)
