"""How long work reports that it is moving."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Bars in the command line, log lines in a flow, silence in a test."""

    def start(self, what: str, total: int | None) -> None:
        """Begin a stretch of work; `total` is None where it is not known beforehand."""

    def advance(self, count: int = 1) -> None:
        """`count` more items are done."""

    def finish(self) -> None:
        """The stretch begun last has ended."""


class SilentProgress:
    """The default: says nothing."""

    def start(self, what: str, total: int | None) -> None:
        """Ignore it."""

    def advance(self, count: int = 1) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""


@contextmanager
def report_phase(progress: Progress, what: str, total: int | None) -> Iterator[None]:
    """One stretch of work, which ends however the work does."""
    progress.start(what, total)
    try:
        yield
    finally:
        progress.finish()
