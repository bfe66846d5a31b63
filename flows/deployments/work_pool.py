"""The work pool of a project. Its jobs run our flows only, never a command that a client names."""

from copy import deepcopy
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

_NAME = "ephyra"
_TYPE = "process"


def name_pool(suffix: str) -> str:
    """Name the pool; projects on one server differ in their suffix, so each has its own."""
    return f"{_NAME}-{suffix}" if suffix else _NAME


def ensure_pool(client: SyncPrefectClient, name: str) -> None:
    """Create the pool, or remove `command` from the template of an existing one."""
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(name=name, type=_TYPE, base_job_template=_build_template())
        )
        return
    template = _drop_command(pool.base_job_template or _build_template())
    if pool.type == _TYPE and template != pool.base_job_template:
        client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))


def _build_template() -> dict[str, Any]:
    return _drop_command(ProcessWorker.get_default_base_job_template())


def _drop_command(template: dict[str, Any]) -> dict[str, Any]:
    """Drop this variable, so that a worker starts Prefect's engine whatever a flow run requests."""
    dropped = deepcopy(template)
    dropped.get("variables", {}).get("properties", {}).pop("command", None)
    dropped.get("job_configuration", {}).pop("command", None)
    return dropped
