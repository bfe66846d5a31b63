"""A real Prefect server and worker on loopback, for benchmarks and tests to start and kill."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

PATIENCE = 120.0
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Site:
    """Server and worker with a home of their own; use it in a `with`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.port = find_free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._clients: dict[str, requests.Session] = {}

    @property
    def environment(self) -> dict[str, str]:
        """For every command that is to mean this server."""
        return {
            **os.environ,
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "OMP_NUM_THREADS": "1",  # tiny models gain nothing from a second thread
            "COLUMNS": "200",
        }

    def __enter__(self) -> "Site":
        self.start_server()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._processes):
            self.kill(name)

    def start_server(self) -> None:
        """Start the server and wait until it is healthy."""
        port = str(self.port)
        self._start("server", "server", "start", "--host", "127.0.0.1", "--port", port)
        wait_until(self.is_healthy, "the server is well")

    def start_worker(self, pool: str = "ephyra") -> None:
        """Start a worker of the pool."""
        self._start("worker", "worker", "start", "--pool", pool)

    def kill(self, name: str) -> None:
        """Kill the server or worker, but no process that it started."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def is_healthy(self) -> bool:
        """Whether the server answers."""
        try:
            return requests.get(f"{self.api}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Post to the server's API."""
        client = self.build_client()
        for pause in (0, 1, 2, 4, 8):  # SQLite is locked now and then on a busy machine
            time.sleep(pause)
            answer = client.post(f"{self.api}{path}", json=body, timeout=30)
            if answer.status_code != requests.codes.unavailable:
                break
        answer.raise_for_status()
        return answer.json()

    def build_client(self) -> requests.Session:
        """Build a client with the secret of a server of `ephyra up`, or without a secret."""
        secret = self.secret
        if secret not in self._clients:
            self._clients[secret] = requests.Session()
            if secret:
                self._introduce(self._clients[secret], secret)
        return self._clients[secret]

    def _introduce(self, client: requests.Session, secret: str) -> None:
        # the whole text is user and password
        client.headers["Authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
        name = uuid.uuid4().hex
        token = client.get(f"{self.api}/csrf-token", params={"client": name}, timeout=30)
        token.raise_for_status()
        client.headers["Prefect-Csrf-Token"] = token.json()["token"]
        client.headers["Prefect-Csrf-Client"] = name

    @property
    def secret(self) -> str:
        """Of a server of `ephyra up`; empty for one that asks for none."""
        file = self.home / "ephyra" / f"local-{self.port}.secret"
        return file.read_text() if file.exists() else ""

    def read_flow_run(self, run_id: str) -> dict[str, Any]:
        """Read what the server knows about a flow run."""
        answer = self.build_client().get(f"{self.api}/flow_runs/{run_id}", timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def wait_for_end(self, run_id: str, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until a flow run has ended."""
        wait_until(
            lambda: self.read_flow_run(run_id)["state_type"] in TERMINAL, f"{run_id} ends", patience
        )
        return self.read_flow_run(run_id)

    def run_command(
        self, name: str, *arguments: str | Path, folder: Path
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command of the environment's own, such as prefect or ephyra."""
        return subprocess.run(
            [str(Path(sys.executable).with_name(name)), *map(str, arguments)],
            cwd=folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )

    def log(self, name: str) -> str:
        """Read the log of the server or worker."""
        return (self.home / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str, *arguments: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=self.home,
                env={**self.environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def list_processes(run_id: str) -> list[int]:
    """List the processes of a flow run: their environment holds its id."""
    wanted = f"PREFECT__FLOW_RUN_ID={run_id}".encode()
    return sorted(
        pid for pid, environment in _read_environments() if wanted in environment.split(b"\0")
    )


def kill_flow(run_id: str) -> int:
    """Kill every process of a flow run; return their number."""
    found = list_processes(run_id)
    for pid in found:
        with _ignore_ended():
            os.kill(pid, signal.SIGKILL)
    return len(found)


def wait_until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it never did.
    """
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience:.0f} s in vain until {what}")
        time.sleep(0.2)


def find_free_port() -> int:
    """Find a free port on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _read_environments() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with _ignore_ended():
                yield int(folder.name), (folder / "environ").read_bytes()


@contextmanager
def _ignore_ended() -> Iterator[None]:
    try:
        yield
    except (ProcessLookupError, FileNotFoundError, PermissionError):
        return
