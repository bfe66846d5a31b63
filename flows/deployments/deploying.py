"""`ephyra deploy`: the work pool and both deployments, with schedules and limits, on a server."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import pydantic
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    FlowRun,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.schedules import Cron
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect.types.entrypoint import EntrypointType

from data_registry.errors import InputError
from flows.collect_and_label import collect_and_label
from flows.config.loader import load_project
from flows.config.project_schema import Project
from flows.deployments.server_address import find_api_url, is_healthy, needs_no_secret
from flows.deployments.server_secret import choose_secret
from flows.deployments.work_pool import ensure_pool, name_pool
from flows.orchestration.package_logs import ENVIRONMENT
from flows.orchestration.parameters import PROJECT_VARIABLE
from flows.retrain import retrain
from flows.shared.environment import QUIET

FLOWS = FlowFilter(name=FlowFilterName(any_=[collect_and_label.name, retrain.name]))
_GARBLED = (json.JSONDecodeError, pydantic.ValidationError)  # a response that cannot be read
_RETRIES = 5  # Prefect's own default
_ALONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


@dataclass(frozen=True)
class Deployed:
    """The deployments of a project on a Prefect server.

    Attributes:
        api: the server's API.
        pool: the work pool that a worker must serve.
        schedules: full name of each deployment to its cron expression; empty where it has no
            schedule.
        asks_for_no_secret: whether the server accepts requests without a secret.
    """

    api: str
    pool: str
    schedules: Mapping[str, str]
    asks_for_no_secret: bool = False


def deploy(project: Path, suffix: str = "") -> Deployed:
    """Deploy both flows of a project, or update their deployments.

    Args:
        project: the folder of ephyra.toml.
        suffix: distinguishes projects on one server: `collect-and-label-SUFFIX`, in a work pool of
            its own, so that no project's worker runs another's flows.

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
    pool = name_pool(suffix)
    with open_client(folder) as client:
        names = {flow: f"{flow.name}-{suffix}" if suffix else flow.name for flow, _ in crons}
        for flow, name in names.items():
            _refuse_foreign(client, f"{flow.name}/{name}", folder)
        ensure_pool(client, pool)
        for flow, cron in crons:
            _build_deployment(flow, names[flow], folder, file, pool, cron=cron).apply()
            deployed[f"{flow.name}/{names[flow]}"] = cron
    api = find_api_url(folder)
    return Deployed(api, pool, deployed, needs_no_secret(api))


@contextmanager
def open_client(project: Path, retries: int = _RETRIES) -> Iterator[SyncPrefectClient]:
    """Open a client of the project's server, with the secret of a server of `ephyra up`.

    Args:
        project: the folder of ephyra.toml.
        retries: of a request that a busy server refuses; each waits longer than the one before.

    Raises:
        InputError: no server answers, or it fails at a request.
    """
    api = find_api_url(project)
    if not is_healthy(api):
        raise InputError(
            f"no Prefect server answers at {api}. `ephyra up` starts one with everything else, "
            "`prefect server start` one alone; another address stands in prefect.toml or "
            "PREFECT_API_URL"
        )
    settings = {
        PREFECT_API_URL: api,
        PREFECT_API_AUTH_STRING: choose_secret(api, PREFECT_API_AUTH_STRING.value()),
        PREFECT_CLIENT_MAX_RETRIES: retries,
    }
    try:
        with temporary_settings(settings), get_client(sync_client=True) as client:
            yield client
    except (httpx.HTTPError, PrefectException, DeploymentApplyError, *_GARBLED) as error:
        raise InputError(_explain(api, error)) from error


def _explain(api: str, error: Exception) -> str:
    """Explain a failed request to a server that passes its health check."""
    response = error.response if isinstance(error, httpx.HTTPStatusError) else None
    if response is not None and response.status_code == httpx.codes.UNAUTHORIZED:
        return (
            f"the Prefect server at {api} requires a secret that is not known here. Only the "
            "user whose `ephyra up` started it can use it; for a server of your own set its "
            "secret in PREFECT_API_AUTH_STRING"
        )
    status = f"status {response.status_code}" if response is not None else type(error).__name__
    return f"the Prefect server at {api} answers, but failed at a request ({status}): try again"


def read_named_project(parameters: Mapping[str, Any]) -> Path | None:
    """Read the project that a deployment's parameters name; None where they name none."""
    named = parameters.get("parameters", {}).get("project")
    return Path(named) if named else None


def is_run_of(run: FlowRun, project: Path, deployed: Collection[UUID]) -> bool:
    """Whether a flow run works on a project.

    Args:
        run: the flow run.
        project: the project's folder, resolved.
        deployed: the project's deployments. A run of one of them may name its project by a
            relative path, or not at all.
    """
    named = read_named_project(run.parameters)
    if named is not None and named.is_absolute():
        return named.resolve() == project
    return run.deployment_id in deployed


def read_deployments(client: SyncPrefectClient, project: Path) -> list[DeploymentResponse]:
    """Read the deployments of a project, whatever their suffix."""
    found = client.read_deployments(flow_filter=FLOWS)
    return [item for item in found if read_named_project(item.parameters) == project]


def _build_deployment(
    flow: Flow[..., Any], name: str, folder: Path, file: Project, pool: str, *, cron: str
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
        work_pool_name=pool,
        # No working_dir: Prefect puts it first on Python's search path, and a user's own train.py
        # or flows/ in the project's folder would hide ours. It makes an empty folder for each run.
        job_variables={"env": {**QUIET, **ENVIRONMENT, PROJECT_VARIABLE: str(folder)}},
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return cast("RunnerDeployment", deployment)


def _refuse_foreign(client: SyncPrefectClient, name: str, folder: Path) -> None:
    """Refuse to overwrite another project's deployment of this name."""
    try:
        there = read_named_project(client.read_deployment_by_name(name).parameters)
    except ObjectNotFound:
        return
    if there and there.resolve() != folder:
        raise InputError(
            f"{name} is deployed for {there} already. `ephyra up --suffix NAME --site-port N` "
            "starts this project beside it (`ephyra deploy --suffix NAME` only deploys it); or "
            f"remove the other with `prefect deployment delete {name}`. Nothing was changed"
        )
