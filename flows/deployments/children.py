"""Processes that are started and stopped together."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from flows.deployments.process_tree import list_descendants, select_running

_GRACE = 15.0  # seconds to end by oneself
_PAUSE = 0.1
_LAST_LINES = 12


class Children:
    """Child processes, each the head of its own process group. Use it in a `with`.

    Leaving the `with` ends all of them, the youngest first; what they started goes with them.

    Args:
        folder: where they run.
        environment: variables for all of them.
        logs: the folder of their log files, one a process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], logs: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Start a Python module.

        Args:
            name: of the process, for messages and its log file.
            arguments: the module and its arguments; anybody on this machine can read them.
            environment: variables for this process alone.
            descriptors: open files that it inherits.
        """
        with self._open_log(name) as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=self._folder,
                env={**self._environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=tuple(descriptors),
            )

    def log_file(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self._logs / f"{name}.log"

    def ended(self) -> dict[str, int]:
        """Name to exit code of those that have ended by themselves."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def describe_end(self, name: str, code: int) -> str:
        """How a process ended, with its last words."""
        file = self.log_file(name)
        lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = "\n".join(lines[-_LAST_LINES:])
        return f"the {name} ended with code {code}; all it said is in {file}, at last:\n{last}"

    def stop(self, *names: str) -> None:
        """End these, or all: first a request, after a grace period by force."""
        for name in reversed(names or list(self._running)):
            process = self._running.pop(name, None)
            if process:
                _end(process)

    def _open_log(self, name: str) -> BinaryIO:
        """An empty log that its owner alone can read; the one before it is kept beside it."""
        file = self.log_file(name)
        self._logs.mkdir(parents=True, exist_ok=True)
        if file.exists():
            file.replace(file.with_suffix(".log.1"))
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all that it has started, in other process groups too."""
    others = list_descendants({process.pid})
    _signal_group(process.pid, signal.SIGTERM)
    _signal_each(others, signal.SIGTERM)
    _wait(process, others)
    others |= list_descendants(others)
    _signal_group(process.pid, signal.SIGKILL)
    _signal_each(others, signal.SIGKILL)
    _wait(process, others)


def _wait(process: "subprocess.Popen[bytes]", others: Collection[int]) -> None:
    """Wait for all of them, but no longer than the grace period."""
    end = time.monotonic() + _GRACE
    while time.monotonic() < end and (process.poll() is None or select_running(others)):
        time.sleep(_PAUSE)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def _signal_each(processes: Iterable[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
