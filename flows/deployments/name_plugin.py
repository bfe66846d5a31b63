"""A Prefect plugin: `prefect deployment run collect-and-label` works beside `ephyra up`.

Prefect's client splits a name at the slash between flow and deployment, and refuses a name without
a slash. This plugin (entry point group ``prefect.plugins``, enabled in prefect.toml or
pyproject.toml) resolves such a name to the only deployment that has it. It also gives Prefect the
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
    """Prepare Prefect's command line, which calls this first. pluggy requires the star."""
    PrefectClient.read_deployment_by_name = _read_by_any_name  # type: ignore[assignment]
    secret = find_secret(ctx.api_url) if ctx.api_url else None
    if secret:
        # Not as a result of the hook: `prefect plugins diagnose` prints those.
        os.environ[VARIABLE] = secret


async def _read_by_any_name(client: PrefectClient, name: str) -> DeploymentResponse:
    whole = name if "/" in name else await _find_whole_name(client, name)
    return await _read_by_whole_name(client, whole)


async def _find_whole_name(client: PrefectClient, name: str) -> str:
    """Find the full name, flow/deployment, of the only deployment called `name`."""
    wanted = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    found = await client.read_deployments(deployment_filter=wanted)
    flows = [(await client.read_flow(item.flow_id)).name for item in found]
    if len(flows) != 1:
        known = ", ".join(f"{flow}/{name}" for flow in sorted(flows)) or "none"
        message = f"expected one deployment called {name!r}, found: {known}"
        raise ObjectNotFound(http_exc=LookupError(message), help_message=message)
    return f"{flows[0]}/{name}"
