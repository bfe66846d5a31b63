"""Request a `retrain` run from a server after new answers.

A request that no server accepted is kept in the project's folder; the next answers, or `ephyra up`,
repeat it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from data_registry.errors import EphyraError, InputError
from data_registry.labels.class_resolution import load_current_annotations
from data_registry.text.hashes import name_by_content
from flows.config.workspace import open_workspace
from flows.deployments.server_address import find_api_url, is_healthy

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

_WANTED = ".retrain-wanted"
_HERE = "`ephyra retrain` does it here"


def ask_for_retrain(project: Path) -> str:
    """Request one run of the project's deployment of `retrain` for the current answers.

    The answers are recorded before, so a failure here is reported, not raised.

    Returns:
        A sentence about the outcome.
    """
    folder = project.resolve()
    _keep_request(folder)
    try:
        asked = _request(folder)
    except EphyraError as error:
        return (
            f"nothing was started: {error}. The answers and the request are kept: a running "
            "`ephyra up` repeats the request, and `ephyra retrain` does the work here"
        )
    with contextlib.suppress(OSError):
        (folder / _WANTED).unlink(missing_ok=True)
    return asked


def is_retrain_wanted(project: Path) -> bool:
    """Whether a request for `retrain` waits that no server has accepted."""
    return (project.resolve() / _WANTED).exists()


def _keep_request(folder: Path) -> None:
    with contextlib.suppress(OSError):  # a folder that takes no file still has its schedule
        (folder / _WANTED).touch()


def _request(folder: Path) -> str:
    api = find_api_url(folder)
    if not is_healthy(api):
        raise InputError("no Prefect server answers")
    from flows.deployments.deploying import open_client  # loads Prefect, which takes seconds

    with open_client(folder, retries=1) as client:
        deployment = _find_retrain(client, folder)
        if deployment is None:
            raise InputError(f"this project is not deployed at {api} (`ephyra deploy`)")
        run = client.create_flow_run_from_deployment(
            deployment.id, idempotency_key=_name_answers(folder), tags=["answers"]
        )
    return f"asked for {deployment.name}: flow run {run.name}"


def _find_retrain(client: SyncPrefectClient, folder: Path) -> DeploymentResponse | None:
    from flows.deployments.deploying import read_deployments

    found = read_deployments(client, folder)
    ours = [item for item in found if "retrain" in item.name]
    return ours[0] if ours else None


def _name_answers(folder: Path) -> str:
    """Name the current answers, so that the same answers request only one run."""
    with open_workspace(folder) as workspace:
        annotations = load_current_annotations(workspace.registry).sort_values("sha256")
    rows = annotations[["sha256", "class_name", "annotation_id"]].to_csv(index=False)
    return f"answers-{name_by_content(f'{folder}{rows}')}"
