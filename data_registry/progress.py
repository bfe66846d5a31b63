"""The protocol by which long work reports its progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Shown as bars on the command line and as log lines in a flow."""

    def start(self, what: str, total: int | None) -> None:
        """Begin a phase of work; `total` is None where it is unknown."""

    def advance(self, count: int = 1) -> None:
        """Report that `count` more items are done."""

    def finish(self) -> None:
        """End the phase that began last."""


class SilentProgress:
    """Progress that is not shown; the default."""

    def start(self, what: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, count: int = 1) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


@contextmanager
def report_phase(progress: Progress, what: str, total: int | None) -> Iterator[None]:
    """Report one phase of work; it ends even where the work fails."""
    progress.start(what, total)
    try:
        yield
    finally:
        progress.finish()
