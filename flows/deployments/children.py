"""Child processes that are started and stopped together."""

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

_GRACE = 15.0  # seconds between SIGTERM and SIGKILL
_PAUSE = 0.1
_LAST_LINES = 12


class Children:
    """Child processes, each the leader of its own process group; a context manager.

    Leaving the `with` block ends all of them, the newest first, with every process that they
    started.

    Args:
        folder: their working directory.
        environment: variables for all of them.
        logs: the folder of their log files, one for each process.
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

    def get_log_file(self, name: str) -> Path:
        """Get the path of a process's log file."""
        return self._logs / f"{name}.log"

    def find_ended(self) -> dict[str, int]:
        """Find the processes that have ended by themselves: name to exit code."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def describe_end(self, name: str, code: int) -> str:
        """Describe how a process ended, with the last lines of its log."""
        file = self.get_log_file(name)
        lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = "\n".join(lines[-_LAST_LINES:])
        return f"the {name} ended with code {code}; its log is {file}, which ends with:\n{last}"

    def stop(self, *names: str) -> None:
        """End the named processes, or all: by SIGTERM, and after a grace period by SIGKILL."""
        for name in reversed(names or list(self._running)):
            process = self._running.pop(name, None)
            if process:
                _end(process)

    def _open_log(self, name: str) -> BinaryIO:
        """Open an empty log that only its owner can read; keep the previous one beside it."""
        file = self.get_log_file(name)
        self._logs.mkdir(parents=True, exist_ok=True)
        if file.exists():
            file.replace(file.with_suffix(".log.1"))
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its descendants, also those in other process groups."""
    others = list_descendants({process.pid})
    _send_signal_to_group(process.pid, signal.SIGTERM)
    _send_signal_to_each(others, signal.SIGTERM)
    _wait(process, others)
    others |= list_descendants(others)
    _send_signal_to_group(process.pid, signal.SIGKILL)
    _send_signal_to_each(others, signal.SIGKILL)
    _wait(process, others)


def _wait(process: "subprocess.Popen[bytes]", others: Collection[int]) -> None:
    """Wait for all of them, but no longer than the grace period."""
    end = time.monotonic() + _GRACE
    while time.monotonic() < end and (process.poll() is None or select_running(others)):
        time.sleep(_PAUSE)


def _send_signal_to_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def _send_signal_to_each(processes: Iterable[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
