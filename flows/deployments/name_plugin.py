"""Lets `prefect deployment run collect-and-label` work as typed, beside a running `ephyra up`.

Prefect's client splits a name at the slash between flow and deployment, and refuses one without.
This plugin (entry point group ``prefect.plugins``, switched on in prefect.toml or pyproject.toml)
lets a name without slash stand for the one deployment that is called so. It also hands Prefect the
secret of the server that `ephyra up` runs for this user.
"""

import os

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.plugins import HookContext, register_hook

from flows.deployments.server_secret import VARIABLE, find_secret

_read_by_whole_name = PrefectClient.read_deployment_by_name


@register_hook
def setup_environment(*, ctx: HookContext) -> None:  # Prefect calls it by this name
    """Called by Prefect before its command line begins. The star is needed: pluggy checks it."""
    PrefectClient.read_deployment_by_name = _read_by_any_name  # type: ignore[assignment]
    secret = find_secret(ctx.api_url) if ctx.api_url else None
    if secret:
        # Not as a result of the hook: `prefect plugins diagnose` prints those.
        os.environ[VARIABLE] = secret


async def _read_by_any_name(client: PrefectClient, name: str) -> DeploymentResponse:
    whole = name if "/" in name else await _whole_name(client, name)
    return await _read_by_whole_name(client, whole)


async def _whole_name(client: PrefectClient, name: str) -> str:
    """Flow and deployment, where exactly one deployment is called `name`."""
    wanted = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    found = await client.read_deployments(deployment_filter=wanted)
    flows = [(await client.read_flow(item.flow_id)).name for item in found]
    if len(flows) != 1:
        known = ", ".join(f"{flow}/{name}" for flow in sorted(flows)) or "none"
        message = f"expected one deployment called {name!r}, found: {known}"
        raise ObjectNotFound(http_exc=LookupError(message), help_message=message)
    return f"{flows[0]}/{name}"
