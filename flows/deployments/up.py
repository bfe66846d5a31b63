"""`ephyra up`: server, deployments, worker and site on one machine, stopped together."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_registry.errors import EphyraError, InputError
from flows.artifacts import SITE
from flows.deployments.children import Children
from flows.deployments.deploying import POOL, Deployed, deploy
from flows.deployments.orphans import mark_orphans_crashed
from flows.deployments.quiet import QUIET
from flows.deployments.server_address import VARIABLE, answers, api_url, host_and_port, ui_url
from flows.project_file import load_project
from flows.site import HOST
from labeling.site_security.owner_token import (
    TOKEN_VARIABLE,
    build_start_address,
    create_token,
)

_SERVER_PATIENCE = 90.0  # seconds; a first start creates the server's database
_PAUSE = 0.3
_LOCAL = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Up:
    """What is up.

    Attributes:
        ui: Prefect's pages.
        site: the address at which the owner opens review and reports.
        own_server: whether the server was started here; else it was up already.
        deployed: see there.
        orphans: runs of dead processes, marked crashed.
    """

    ui: str
    site: str
    own_server: bool
    deployed: Deployed
    orphans: tuple[str, ...]


def up(project: Path, site_port: int, suffix: str, tell: Callable[[Up], None]) -> None:
    """Start everything, tell where it is, and stay until told to stop (Ctrl-C, SIGTERM).

    Raises:
        InputError: a part cannot be started, or ended by itself; the others were stopped.
    """
    folder = project.resolve()
    load_project(folder)
    api, site = api_url(folder), f"http://{HOST}:{site_port}"
    token = create_token()
    _end_on_sigterm()
    try:
        with Children(folder, {VARIABLE: api, SITE: site, **QUIET}) as children:
            own_server = _server(children, api)
            deployed = deploy(folder, suffix)
            orphans = mark_orphans_crashed(folder)
            children.start("worker", ["prefect", "worker", "start", "--pool", POOL])
            own = {TOKEN_VARIABLE: token}
            children.start("site", ["flows.site", str(folder), str(site_port)], own)
            start = build_start_address(site, token)
            tell(Up(ui_url(api), start, own_server, deployed, tuple(orphans)))
            ended = children.wait_for_one()
    except KeyboardInterrupt:
        return
    raise InputError(f"{_named(ended)}; everything else was stopped. Its own words stand above")


def _server(children: Children, api: str) -> bool:
    """Start a server where none answers yet, and wait for it."""
    if answers(api):
        return False
    host, port = host_and_port(api)
    if host not in _LOCAL:
        raise InputError(
            f"no Prefect server answers at {api}, and on another machine none can be started. "
            "Start it there, or name a local address in prefect.toml"
        )
    command = ["prefect", "server", "start", "--host", host, "--port", str(port)]
    children.start("server", command)
    end = time.monotonic() + _SERVER_PATIENCE
    while not answers(api):
        if ended := children.ended():
            raise InputError(f"{_named(ended)}. Is port {port} taken? Its words stand above")
        if time.monotonic() > end:
            raise EphyraError(f"the server at {api} did not answer in {_SERVER_PATIENCE:.0f} s")
        time.sleep(_PAUSE)
    return True


def _named(ended: dict[str, int]) -> str:
    return ", ".join(f"the {name} ended with code {code}" for name, code in ended.items())


def _end_on_sigterm() -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
