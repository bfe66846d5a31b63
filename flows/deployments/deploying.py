"""`ephyra deploy`: the work pool and both deployments, with schedules and limits, on a server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from data_registry.errors import InputError
from flows.collect_and_label import collect_and_label
from flows.deployments.quiet import QUIET
from flows.deployments.server_address import answers, api_url
from flows.project import Project
from flows.project_file import load_project
from flows.retrain import retrain
from flows.room_logs import ENVIRONMENT

POOL = "ephyra"
_ALONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


@dataclass(frozen=True)
class Deployed:
    """What stands on the server now.

    Attributes:
        api: the server's API.
        pool: the work pool that a worker must serve.
        schedules: whole name of each deployment to its cron expression, empty where it runs only
            when asked.
    """

    api: str
    pool: str
    schedules: Mapping[str, str]


def deploy(project: Path, suffix: str = "") -> Deployed:
    """Deploy both flows of a project, or bring what is there up to date.

    Args:
        project: the folder of ephyra.toml.
        suffix: tells projects on one server apart: `collect-and-label-SUFFIX`.

    Raises:
        InputError: no server answers, or the names belong to another project.
        ProjectFileError: the project file is missing or wrong.
    """
    folder = project.resolve()
    file = load_project(folder)
    crons: list[tuple[Flow[..., Any], str]] = [
        (collect_and_label, file.schedule.collect_and_label),
        (retrain, file.schedule.retrain),
    ]
    deployed: dict[str, str] = {}
    with client_of(folder) as client:
        _ensure_pool(client)
        for flow, cron in crons:
            name = f"{flow.name}-{suffix}" if suffix else flow.name
            _refuse_foreign(client, f"{flow.name}/{name}", folder)
            _deployment(flow, name, folder, file, cron=cron).apply()
            deployed[f"{flow.name}/{name}"] = cron
    return Deployed(api_url(folder), POOL, deployed)


@contextmanager
def client_of(project: Path) -> Iterator[SyncPrefectClient]:
    """A client of the project's server.

    Raises:
        InputError: no server answers.
    """
    api = api_url(project)
    if not answers(api):
        raise InputError(
            f"no Prefect server answers at {api}. `ephyra up` starts one with everything else, "
            "`prefect server start` one alone; another address stands in prefect.toml or "
            "PREFECT_API_URL"
        )
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        yield client


def project_of(parameters: Mapping[str, Any]) -> Path | None:
    """The project that a deployment's parameters name."""
    named = parameters.get("parameters", {}).get("project")
    return Path(named) if named else None


def _deployment(
    flow: Flow[..., Any], name: str, folder: Path, file: Project, *, cron: str
) -> RunnerDeployment:
    schedules = [Cron(cron, timezone=file.schedule.time_zone)] if cron else []
    deployment = flow.to_deployment(
        name,
        schedules=schedules,
        concurrency_limit=_ALONE,
        parameters={"parameters": {"project": str(folder)}},
        description=flow.description,
        tags=["ephyra", file.project.name],
        version=version("ephyra"),
        work_pool_name=POOL,
        job_variables={"working_dir": str(folder), "env": {**QUIET, **ENVIRONMENT}},
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return cast("RunnerDeployment", deployment)


def _ensure_pool(client: SyncPrefectClient) -> None:
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        return


def _refuse_foreign(client: SyncPrefectClient, name: str, folder: Path) -> None:
    """Another project's deployment of this name is not taken over by accident."""
    try:
        there = project_of(client.read_deployment_by_name(name).parameters)
    except ObjectNotFound:
        return
    if there and there.resolve() != folder:
        raise InputError(
            f"{name} is deployed for {there} already. Give `ephyra deploy --suffix NAME`, or "
            f"remove the other with `prefect deployment delete {name}`; nothing was changed"
        )
