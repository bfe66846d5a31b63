"""Runs that a server believes running although their process is gone, with worker and all."""

from pathlib import Path

from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from data_registry.errors import BusyError
from data_registry.lock import hold_workspace
from flows.config.workspace import open_workspace
from flows.deployments.deploying import FLOWS, client_of, is_run_of, read_deployments

_AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def mark_orphans_crashed(project: Path) -> list[str]:
    """Mark the project's runs crashed whose process died, so that the next may begin.

    A run that is at work holds the workspace; where nobody holds it, nobody is at work.

    Returns:
        Names of the flow runs; `prefect flow-run retry NAME` goes on with one.
    """
    folder = project.resolve()
    try:
        with open_workspace(folder) as workspace, hold_workspace(workspace.registry):
            return _mark(folder)
    except BusyError:
        return []


def _mark(folder: Path) -> list[str]:
    states = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_AT_WORK)))
    with client_of(folder) as client:
        deployed = {item.id for item in read_deployments(client, folder)}
        found = client.read_flow_runs(flow_filter=FLOWS, flow_run_filter=states)
        ours = [run for run in found if is_run_of(run, folder, deployed)]
        for run in ours:
            client.set_flow_run_state(run.id, Crashed(message="its process is gone"), force=True)
    return [run.name for run in ours]
