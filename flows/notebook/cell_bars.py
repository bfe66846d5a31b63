"""Progress where the code runs: a bar below the cell of a notebook, or what a command shows."""

import html
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from data_registry.progress import Progress
from flows.output.answer import open_progress


class CellBars:
    """One bar below the running cell for each phase; it goes when the phase ends."""

    def __init__(self) -> None:
        self._phases: list[tuple[str, int | None, int, Any]] = []

    def __enter__(self) -> "CellBars":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._phases:
            self.finish()

    def start(self, what: str, total: int | None) -> None:
        """Show a new bar."""
        from IPython.display import HTML, display

        handle = display(HTML(draw_bar(what, total, 0)), display_id=True)
        self._phases.append((what, total, 0, handle))

    def advance(self, count: int = 1) -> None:
        """Move the newest bar."""
        what, total, done, handle = self._phases.pop()
        self._phases.append((what, total, done + count, handle))
        if _is_worth_drawing(total, done, count):
            self._draw(handle, draw_bar(what, total, done + count))

    def finish(self) -> None:
        """Take the newest bar away."""
        *_, handle = self._phases.pop()
        self._draw(handle, "")

    @staticmethod
    def _draw(handle: Any, page: str) -> None:
        from IPython.display import HTML

        if handle is not None:  # None where nothing displays
            handle.update(HTML(page))


def draw_bar(what: str, total: int | None, done: int) -> str:
    """Draw a bar as HTML; one without an end where the total is unknown."""
    label = html.escape(what)
    if total is None:
        return f"{label} <progress></progress> {done or ''}"
    return f'{label} <progress max="{total}" value="{done}"></progress> {done} of {total}'


def show_progress_here() -> AbstractContextManager[Progress]:
    """Choose bars below a cell in a notebook, else what the command line shows."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if type(shell).__name__ == "ZMQInteractiveShell":
        return CellBars()
    return open_progress(as_json=False)


def _is_worth_drawing(total: int | None, done: int, count: int) -> bool:
    """Limit the drawings of a bar to a hundred: each one is a message to the browser."""
    step = max((total or 0) // 100, 1)
    return done // step != (done + count) // step
