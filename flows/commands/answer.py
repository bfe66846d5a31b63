"""How every command answers: a text for people or JSON for machines, and an exit code.

0: done. 1: done, and the answer is no. 2: bad use or input; nothing was lost.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from data_registry.errors import EphyraError
from data_registry.progress import Progress, Silent
from flows.printable_console import PrintableConsole

ANSWER_IS_NO = 1
BAD_INPUT = 2

ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="The project's folder, where ephyra.toml lies.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]


@dataclass(frozen=True)
class Answer:
    """What a command found out.

    Attributes:
        data: the same for machines, see `flows.plain`.
        shown: what people see, printed one below the other. A text is shown as it is; styles come
            as rich's own objects, never as markup, since names may hold brackets.
        yes: False makes the exit code 1.
    """

    data: Mapping[str, Any]
    shown: Iterable[RenderableType] = field(default=())
    yes: bool = True


def answer(as_json: bool, work: Callable[[Progress], Answer], project: Path | None = None) -> None:
    """Do the work, print its answer and leave with its exit code.

    Args:
        as_json: one JSON object on standard output instead of text; errors too.
        work: given where to report progress.
        project: the folder whose next step ends the text; None where the answer names its own.
    """
    with refusals(as_json):
        with _progress(as_json) as progress:
            result = work(progress)
        show(as_json, result)
        if not result.yes:
            raise typer.Exit(ANSWER_IS_NO)
        if project is not None and not as_json:
            _show_next_step(project)


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """Tell an error of ours without a traceback, and leave with exit code 2."""
    try:
        yield
    except EphyraError as error:
        _refuse(as_json, error)
        raise typer.Exit(BAD_INPUT) from None


def show(as_json: bool, result: Answer) -> None:
    """Print an answer."""
    if as_json:
        write_json(result.data)
        return
    console = _console()
    for item in result.shown:
        console.print(item)


def _show_next_step(project: Path) -> None:
    from flows.next_step import next_step_of

    if step := next_step_of(project):
        _console().print(f"next: {step}")


def _progress(as_json: bool) -> AbstractContextManager[Progress]:
    if as_json or not sys.stderr.isatty():
        return nullcontext(Silent())
    from flows.progress import Bars

    return Bars()


def _refuse(as_json: bool, error: EphyraError) -> None:
    if as_json:
        write_json({"error": type(error).__name__, "message": str(error)})
    _console(stderr=True).print(Text.assemble(("error", "bold red"), " ", str(error)))


def write_json(data: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output."""
    from flows.plain import plain

    try:
        sys.stdout.write(json.dumps(plain(data), indent=2, allow_nan=False) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)


class _Console(PrintableConsole):
    """A console whose reader may have seen enough (``| head``): that changes no exit code."""

    def on_broken_pipe(self) -> None:
        """Print nothing more; rich itself would leave with exit code 1, our "the answer is no"."""
        self.quiet = True
        _discard(self.file)


def _discard(stream: IO[str]) -> None:
    """Send what is still written to nowhere, since Python writes once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _console(stderr: bool = False) -> Console:
    return _Console(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)
