"""Processes that are started and stopped together."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

_GRACE = 15.0  # seconds to end by oneself
_PAUSE = 0.2


class Children:
    """Child processes, each the head of its own process group. Use it in a `with`.

    Leaving the `with` ends all of them, the youngest first: what they started goes with them.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
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
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a Python module with arguments, and with what it alone finds in its environment."""
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=self._folder,
            env={**self._environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ended(self) -> dict[str, int]:
        """Name to exit code of those that have ended by themselves."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def wait_for_one(self) -> dict[str, int]:
        """Wait until one ends."""
        while not (ended := self.ended()):
            time.sleep(_PAUSE)
        return ended

    def stop(self) -> None:
        """End all: first a request, after a grace period by force."""
        for process in reversed(self._running.values()):
            _signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
            _signal(process, signal.SIGKILL)  # and what it may have left behind
            process.wait()
        self._running.clear()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
