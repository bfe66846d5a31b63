"""How the stages' progress is shown: bars on a terminal, lines in a flow's log.

`flows.shared.progress_lines` has what a command shows without a terminal.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichDisplay

from data_registry.progress import Progress, SilentProgress
from data_registry.text.printable import make_one_line
from flows.shared.printable_console import PrintableConsole

_current: ContextVar[Progress | None] = ContextVar("ephyra_progress", default=None)


@contextmanager
def use_progress(progress: Progress) -> Iterator[None]:
    """Let what is called inside report to `progress`, through flows that cannot pass it on."""
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)


def get_current_progress() -> Progress:
    """Return the progress that the running stage reports to."""
    return _current.get() or SilentProgress()


class Bars:
    """Progress bars on standard error, so that standard output stays the command's answer."""

    def __init__(self) -> None:
        self._display = RichDisplay(
            SpinnerColumn(),
            TextColumn("{task.description:<24}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=PrintableConsole(stderr=True),
            transient=True,
        )
        self._tasks: list[TaskID] = []

    def __enter__(self) -> "Bars":
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.stop()

    def start(self, what: str, total: int | None) -> None:
        """Show one more bar."""
        self._tasks.append(self._display.add_task(make_one_line(what), total=total))

    def advance(self, count: int = 1) -> None:
        """Move the bar begun last."""
        if self._tasks:
            self._display.advance(self._tasks[-1], count)

    def finish(self) -> None:
        """Take the bar begun last away."""
        if self._tasks:
            self._display.remove_task(self._tasks.pop())


class LogLines:
    """A line when work begins, and one at every tenth of it."""

    def __init__(self, logger: "logging.Logger | logging.LoggerAdapter[logging.Logger]") -> None:
        self._logger = logger
        self._stack: list[tuple[str, int | None, int]] = []

    def start(self, what: str, total: int | None) -> None:
        """Say what begins."""
        what = make_one_line(what)
        self._stack.append((what, total, 0))
        if total:
            self._logger.info("%s: %d to do", what, total)
        else:
            self._logger.info("%s", what)

    def advance(self, count: int = 1) -> None:
        """Say so when another tenth is done."""
        if not self._stack:
            return
        what, total, done = self._stack.pop()
        self._stack.append((what, total, done + count))
        if total and (done + count) * 10 // total > done * 10 // total:
            self.log_tenth(what, done + count, total)

    def log_tenth(self, what: str, done: int, total: int) -> None:
        """Log that another tenth is done."""
        self._logger.info("%s: %d of %d", what, done, total)

    def finish(self) -> None:
        """End the work begun last."""
        if self._stack:
            self._stack.pop()
