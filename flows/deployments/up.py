"""`ephyra up`: server, deployments, worker and site on one machine, stopped together."""

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_registry.errors import EphyraError, InputError
from flows.config.loader import load_project
from flows.deployments.children import Children
from flows.deployments.deploying import Deployed, deploy
from flows.deployments.retrain_request import ask_for_retrain, is_retrain_wanted
from flows.deployments.review_site import HOST
from flows.deployments.server_address import (
    LOCAL_HOSTS,
    VARIABLE,
    build_ui_url,
    find_api_url,
    is_healthy,
    needs_no_secret,
    split_host_and_port,
)
from flows.deployments.server_secret import VARIABLE as SECRET_VARIABLE
from flows.deployments.server_secret import find_secret, find_secret_file, issue_secret
from flows.deployments.stage_watch import StageWatch
from flows.deployments.stale_runs import mark_orphans_crashed
from flows.orchestration.artifacts import SITE
from flows.shared.environment import QUIET, guard_server
from labeling.review.site_security.owner_token import (
    TOKEN_VARIABLE,
    build_start_address,
    create_token,
)

_SERVER_PATIENCE = 180.0  # seconds; a first start creates the server's database
_PAUSE = 0.3
_LOOK_EVERY = 2.0  # seconds
_ASK_AGAIN_EVERY = 30.0  # seconds

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Up:
    """What `ephyra up` runs.

    Attributes:
        ui: the address of Prefect's pages.
        site: the address at which the owner opens review and reports.
        own_server: whether the server was started here; else it was running already.
        secret_file: holds the text that Prefect's pages require; empty where the server is not
            one of `ephyra up`.
        logs: the folder of the logs of server, worker and site.
        deployed: the project's deployments.
        orphans: runs of ended processes, marked crashed.
    """

    ui: str
    site: str
    own_server: bool
    secret_file: str
    logs: str
    deployed: Deployed
    orphans: tuple[str, ...]


def run_project(
    project: Path, site_port: int, suffix: str, tell: Callable[[Up], None], say: Say
) -> None:
    """Run server, deployments, worker and site until Ctrl-C or SIGTERM.

    Args:
        project: the folder of ephyra.toml.
        site_port: of review and reports.
        suffix: distinguishes projects on one server.
        tell: called once everything runs.
        say: called with a line for every stage that begins, and every run that ends.

    Raises:
        InputError: a part cannot be started, or ended by itself; the others were stopped.
    """
    folder = project.resolve()
    load_project(folder)
    _refuse_taken_port(site_port)
    api, site = find_api_url(folder), f"http://{HOST}:{site_port}"
    token, logs = create_token(), folder / "logs" / (suffix or "up")
    _handle_sigterm()
    try:
        with (
            contextlib.ExitStack() as stack,
            Children(folder, {VARIABLE: api, SITE: site, **QUIET}, logs) as children,
        ):
            own_server = _serve(children, api, stack)
            deployed = deploy(folder, suffix)
            orphans = mark_orphans_crashed(folder)
            site_process = ["flows.deployments.review_site", str(folder), str(site_port)]
            with _run_worker_and_site(children, folder, deployed, site_process, token):
                start = build_start_address(site, token)
                tell(_build_state(api, start, logs, deployed, orphans, own_server=own_server))
                ended = _wait_for_end(children, folder, say)
            raise InputError(_describe(children, ended) + "\nEverything else was stopped")
    except KeyboardInterrupt:
        return


def _build_state(
    api: str, site: str, logs: Path, deployed: Deployed, orphans: Sequence[str], *, own_server: bool
) -> Up:
    return Up(
        ui=build_ui_url(api),
        site=site,
        own_server=own_server,
        secret_file=str(find_secret_file(api)) if find_secret(api) else "",
        logs=str(logs),
        deployed=deployed,
        orphans=tuple(orphans),
    )


def _serve(children: Children, api: str, stack: contextlib.ExitStack) -> bool:
    """Start a server unless one of this user's runs, and wait until it answers.

    Returns:
        Whether it was started here.
    """
    is_new = not is_healthy(api) and find_secret(api) is None
    if is_new:
        _start_server(children, api, stack)
    _wait_for_server(children, api)
    if needs_no_secret(api):
        raise InputError(
            f"the Prefect server at {api} requires no secret: anyone who reaches it, any web page "
            "included, could make a worker started here run any command. Stop it and let "
            "`ephyra up` start its own, or start it with PREFECT_SERVER_API_AUTH_STRING and set "
            f"{SECRET_VARIABLE} to the same text here; nothing was started"
        )
    return is_new


def _start_server(children: Children, api: str, stack: contextlib.ExitStack) -> None:
    host, port = split_host_and_port(api)
    if host not in LOCAL_HOSTS:
        raise InputError(
            f"no Prefect server answers at {api}, and `ephyra up` cannot start one on another "
            "machine. Start it there, or set a local address in prefect.toml"
        )
    issued = stack.enter_context(issue_secret(api))
    command = ["prefect", "server", "start", "--host", host, "--port", str(port)]
    guarded = guard_server(api, issued.text)
    children.start("server", command, guarded, descriptors=[issued.descriptor])


def _wait_for_server(children: Children, api: str) -> None:
    end = time.monotonic() + _SERVER_PATIENCE
    while not is_healthy(api):
        if ended := children.find_ended():
            port = split_host_and_port(api)[1]
            raise InputError(f"{_describe(children, ended)}\nIs port {port} taken?")
        if time.monotonic() > end:
            raise EphyraError(f"the server at {api} did not answer in {_SERVER_PATIENCE:.0f} s")
        time.sleep(_PAUSE)


@contextlib.contextmanager
def _run_worker_and_site(
    children: Children, folder: Path, deployed: Deployed, site: Sequence[str], token: str
) -> Iterator[None]:
    """Run worker and site; at the end mark the worker's unfinished runs as crashed."""
    secret = find_secret(deployed.api)
    known = {SECRET_VARIABLE: secret} if secret else {}
    worker = ["prefect", "worker", "start", "--pool", deployed.pool]
    try:
        children.start("worker", worker, known)
        children.start("site", site, {**known, TOKEN_VARIABLE: token})
        yield
    finally:
        children.stop("worker", "site")
        with contextlib.suppress(EphyraError):  # the server may be what ended
            mark_orphans_crashed(folder)


def _wait_for_end(children: Children, folder: Path, say: Say) -> dict[str, int]:
    """Wait until a process ends by itself; report stages, and repeat failed requests."""
    watch, asked_at = StageWatch(folder, say), -_ASK_AGAIN_EVERY
    while not (ended := children.find_ended()):
        watch.look()
        if time.monotonic() > asked_at + _ASK_AGAIN_EVERY and is_retrain_wanted(folder):
            asked_at = time.monotonic()
            say(ask_for_retrain(folder))
        time.sleep(_LOOK_EVERY)
    return ended


def _describe(children: Children, ended: dict[str, int]) -> str:
    return "\n".join(children.describe_end(name, code) for name, code in ended.items())


def _refuse_taken_port(port: int) -> None:
    if not _is_free(port):
        free = next((each for each in range(port + 1, port + 100) if _is_free(each)), port + 1)
        raise InputError(
            f"port {port} is taken, perhaps by another project's `ephyra up`. "
            f"`ephyra up --suffix NAME --site-port {free}` starts this project beside it; "
            "nothing was started"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _handle_sigterm() -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
