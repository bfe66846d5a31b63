"""Asking a server to run `retrain` because people have answered."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from data_registry.resolve import current_annotations
from flows.deployments.server_address import answers, api_url
from flows.workspace import open_workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse


def ask_for_retrain(project: Path) -> str:
    """Have the project's deployment of `retrain` run, once for the answers that are there.

    Returns:
        What came of it, in words; nothing is lost where no server answers.
    """
    folder = project.resolve()
    if not answers(api_url(folder)):
        return "no Prefect server answers, so nothing was started; `ephyra retrain` does it here"
    from flows.deployments.deploying import client_of  # loads Prefect, which takes seconds

    with client_of(folder) as client:
        deployment = _retrain_deployment(client, folder)
        if deployment is None:
            return "this project is not deployed (`ephyra deploy`); `ephyra retrain` does it here"
        run = client.create_flow_run_from_deployment(
            deployment.id, idempotency_key=_name_of_answers(folder), tags=["answers"]
        )
    return f"asked for {deployment.name}: flow run {run.name}"


def _retrain_deployment(client: SyncPrefectClient, folder: Path) -> DeploymentResponse | None:
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    from flows.deployments.deploying import project_of

    found = client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=["retrain"])))
    ours = [item for item in found if project_of(item.parameters) == folder]
    return ours[0] if ours else None


def _name_of_answers(folder: Path) -> str:
    """The same answers ask only once."""
    with open_workspace(folder) as workspace:
        said = current_annotations(workspace.registry).sort_values("sha256")
    rows = said[["sha256", "class_name", "annotation_id"]].to_csv(index=False)
    return f"answers-{hashlib.sha256(f'{folder}{rows}'.encode()).hexdigest()[:16]}"
