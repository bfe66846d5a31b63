"""Progress where standard error is no terminal: plain lines, so that a log stays readable."""

import sys
import time
from dataclasses import dataclass

from data_registry.text.printable import make_one_line

_SOON = 2.0  # seconds within which a phase that was told before is not told again
_LONG = 30.0  # seconds of a phase after which it says how far it is


@dataclass
class _Phase:
    what: str
    total: int | None
    done: int = 0


class PlainLines:
    """A line a phase, and one every half minute of a long one."""

    def __init__(self) -> None:
        self._open: list[_Phase] = []
        self._told: set[str] = set()
        self._last = time.monotonic()

    def start(self, what: str, total: int | None) -> None:
        """Say what begins, and how much there is to do."""
        self._open.append(_Phase(what, total))
        if what not in self._told or self._has_passed(_SOON):
            self._told.add(what)
            self._say(f"{what}: {total} to do" if total else what)

    def advance(self, count: int = 1) -> None:
        """Say how far a long phase is."""
        if not self._open:
            return
        phase = self._open[-1]
        phase.done += count
        if self._has_passed(_LONG):
            self._say(f"{phase.what}: {phase.done} of {phase.total or 'an unknown number'}")

    def finish(self) -> None:
        """End the phase begun last."""
        if self._open:
            self._open.pop()

    def _has_passed(self, seconds: float) -> bool:
        return time.monotonic() - self._last > seconds

    def _say(self, line: str) -> None:
        self._last = time.monotonic()
        sys.stderr.write(f"{make_one_line(line)}\n")
