"""Progress of a project's flow runs as lines for a terminal: one for each stage."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import TaskRunSort

from data_registry.errors import EphyraError
from flows.deployments.deploying import is_run_of, open_client, read_deployments

_STARTED = FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[StateType.SCHEDULED]))


class StageWatch:
    """Reports each stage that begins and each run that ends, once.

    Args:
        project: its folder.
        say: called with each line.
    """

    def __init__(self, project: Path, say: Callable[[str], None]) -> None:
        self._project = project
        self._say = say
        self._since = datetime.now(UTC)
        self._told: set[tuple[UUID, str]] = set()
        self._ended: set[UUID] = set()

    def look(self) -> None:
        """Query the server and report what is new; a failed query is repeated next time."""
        with contextlib.suppress(EphyraError), open_client(self._project, retries=0) as client:
            for run in self._read_runs(client):
                self._tell(run, "begins")
                self._tell_stages(client, run)
                self._tell_end(run)

    def _read_runs(self, client: SyncPrefectClient) -> list[FlowRun]:
        asked_for = FlowRunFilter(
            state=_STARTED,
            expected_start_time=FlowRunFilterExpectedStartTime(after_=self._since),
        )
        deployed = {item.id for item in read_deployments(client, self._project)}
        runs = client.read_flow_runs(flow_run_filter=asked_for)
        new = [run for run in runs if run.id not in self._ended]
        return [run for run in new if is_run_of(run, self._project, deployed)]

    def _tell_end(self, run: FlowRun) -> None:
        if run.state and run.state.is_final():
            self._ended.add(run.id)
            words = [(run.state.name or "ended").lower(), *filter(None, [run.state.message])]
            self._say(f"{run.name}: {': '.join(words)}")

    def _tell_stages(self, client: SyncPrefectClient, run: FlowRun) -> None:
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
            sort=TaskRunSort.EXPECTED_START_TIME_ASC,
        )
        for task in tasks:
            self._tell(run, task.name.rsplit("-", 1)[0])  # shards of one stage are one line

    def _tell(self, run: FlowRun, what: str) -> None:
        if (run.id, what) not in self._told:
            self._told.add((run.id, what))
            self._say(f"{run.name}: {what}")
