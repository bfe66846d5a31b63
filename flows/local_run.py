"""Run a flow in this process, without setting up a server."""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_registry.errors import BusyError
from data_registry.progress import Progress, report_phase
from flows.config.labelled_folder import read_project_set
from flows.config.loader import load_project
from flows.config.project_folder import ProjectFolder
from flows.shared.environment import QUIET
from flows.shared.loading import announce_flow_loading

_SECRET_BYTES = 32

# Prefect starts a small server of its own for the length of the run. It leaves it to the
# command to say what went wrong: whatever a stage raises reaches it.
_QUIET_PREFECT = {
    **QUIET,
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    # its server takes 10 s to start, and several times as long on a busy laptop
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}


def collect_and_label_in_process(
    project: Path, labelled_set: Path | None, progress: Progress
) -> Mapping[str, Any]:
    """Run `collect-and-label` here and return what each stage found.

    Raises:
        EphyraError: whatever a stage raised; the stages before it are kept.
    """
    found = ProjectFolder(project, load_project(project))  # before a server is started
    if labelled_set:
        read_project_set(found, labelled_set)
    _configure_prefect()
    with announce_flow_loading(progress):
        from flows.collect_and_label import collect_and_label
        from flows.orchestration.parameters import CollectAndLabelParameters

    images = labelled_set.resolve() if labelled_set else None
    parameters = CollectAndLabelParameters(project=project.resolve(), labelled_set=images)
    return _run_flow(lambda: collect_and_label(parameters), progress)


def retrain_in_process(
    project: Path, even_without_answers: bool, progress: Progress
) -> Mapping[str, Any]:
    """Run `retrain` here; what each stage found, or nothing where nothing is new.

    Raises:
        EphyraError: whatever a stage raised; the stages before it are kept.
    """
    load_project(project)
    _configure_prefect()
    with announce_flow_loading(progress):
        from flows.orchestration.parameters import RetrainParameters
        from flows.retrain import retrain

    parameters = RetrainParameters(
        project=project.resolve(), even_without_answers=even_without_answers
    )
    return _run_flow(lambda: retrain(parameters), progress)


def _configure_prefect() -> None:
    for name, value in _QUIET_PREFECT.items():
        os.environ.setdefault(name, value)


def _run_flow(flow: Callable[[], Any], progress: Progress) -> Mapping[str, Any]:
    from prefect.exceptions import CancelledRun
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.shared.progress_bars import use_progress

    # A prefect.toml in this folder may name a server that is not running, or not ours to load.
    settings = (
        {}
        if os.environ.get("PREFECT_API_URL")
        else {PREFECT_API_URL: None, **_build_guard_settings()}
    )
    waiting = report_phase(progress, "a small Prefect server starts, then the stages", None)
    try:
        with temporary_settings(settings), use_progress(progress), waiting:
            results: Mapping[str, Any] = flow()
    except CancelledRun as error:
        raise BusyError(str(error)) from error
    return results


def _build_guard_settings() -> dict[Any, Any]:
    """Build settings for the small server, which writes to the same database as `ephyra up`.

    Without a secret, a page that finds its port could hand a worker of `ephyra up` any command.
    """
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_SERVER_API_AUTH_STRING,
        PREFECT_SERVER_CORS_ALLOWED_ORIGINS,
        PREFECT_SERVER_CSRF_PROTECTION_ENABLED,
    )

    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return {
        PREFECT_API_AUTH_STRING: secret,
        PREFECT_SERVER_API_AUTH_STRING: secret,
        PREFECT_SERVER_CSRF_PROTECTION_ENABLED: True,
        PREFECT_SERVER_CORS_ALLOWED_ORIGINS: "http://127.0.0.1",  # it has no pages of its own
    }
