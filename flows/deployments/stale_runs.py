"""Flow runs that the server lists as running although their process has ended."""

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
from flows.deployments.deploying import FLOWS, is_run_of, open_client, read_deployments

_AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def mark_orphans_crashed(project: Path) -> list[str]:
    """Mark the project's runs whose process has ended as crashed, so that the next can start.

    A running flow holds the workspace's lock; if the lock is free, no flow runs.

    Returns:
        Names of the flow runs; `prefect flow-run retry NAME` continues one.
    """
    folder = project.resolve()
    try:
        with open_workspace(folder) as workspace, hold_workspace(workspace.registry):
            return _mark(folder)
    except BusyError:
        return []


def _mark(folder: Path) -> list[str]:
    states = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_AT_WORK)))
    with open_client(folder) as client:
        deployed = {item.id for item in read_deployments(client, folder)}
        found = client.read_flow_runs(flow_filter=FLOWS, flow_run_filter=states)
        ours = [run for run in found if is_run_of(run, folder, deployed)]
        for run in ours:
            client.set_flow_run_state(run.id, Crashed(message="its process is gone"), force=True)
    return [run.name for run in ours]
