"""How every command answers: text or JSON, and an exit code.

0: done. 1: done, and the answer is no. 2: wrong usage or input; nothing was lost. 130: stopped by
Ctrl-C; what was finished is kept.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from data_registry.errors import EphyraError
from data_registry.progress import Progress, SilentProgress
from flows.output.path_errors import explain_path_error
from flows.shared.printable_console import PrintableConsole
from flows.shared.progress_lines import PlainLines

ANSWER_IS_NO = 1
BAD_INPUT = 2
STOPPED = 130  # 128 and the signal's number, as shells do
KEPT = "Finished work is kept: run the same command again to continue"

ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="The project's folder, which holds ephyra.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True, kw_only=True)
class WrittenPage:
    """An HTML page that a stage wrote.

    Attributes:
        key: distinguishes the pages of a stage.
        title: the link's text.
        about: what the page shows, as a sentence without its full stop.
        path: a full path where the workspace is local.
    """

    key: str
    title: str
    about: str
    path: str


@dataclass(frozen=True)
class Answer:
    """The result of a command or stage, presented once for every renderer.

    The terminal prints `shown`, ``--json`` prints `data`, Prefect's pages show both as artifacts
    (`flows.orchestration.artifacts`), and a notebook shows them in a cell.

    Attributes:
        data: the result for ``--json``, see `flows.shared.serialisation`.
        shown: the text, printed one below the other. A string is shown as it is; styles are rich's
            own objects, never markup, since names may hold brackets.
        yes: False makes the exit code 1.
        pages: that were written, for a renderer that can link to them.
    """

    data: Mapping[str, Any]
    shown: Iterable[RenderableType] = field(default=())
    yes: bool = True
    pages: Sequence[WrittenPage] = ()


def add_warnings(found: Answer, warnings: Sequence[str]) -> Answer:
    """Append warnings to an answer."""
    shown = [*found.shown, *(f"warning: {warning}" for warning in warnings)]
    return replace(found, data={**found.data, "warnings": list(warnings)}, shown=shown)


def answer(
    as_json: bool,
    work: Callable[[Progress], Answer],
    project: Path | None = None,
    kept: str = KEPT,
) -> None:
    """Do the work, print its answer and exit with its code.

    Args:
        as_json: one JSON object on standard output instead of text; errors too.
        work: takes where to report progress.
        project: the folder of ephyra.toml, for a command that needs one. The file is read before
            the work loads slow libraries, and the project's next step ends the text.
        kept: what is kept after Ctrl-C, in a sentence.
    """
    with exit_on_errors(as_json, kept):
        if project is not None:
            require_project(project)
        with open_progress(as_json) as progress:
            result = work(progress)
        show(as_json, result)
        if not result.yes:
            raise typer.Exit(ANSWER_IS_NO)
        if project is not None and not as_json:
            _show_next_step(project)


def require_project(project: Path) -> None:
    """Refuse a folder without a valid project file.

    Raises:
        ProjectFileError: it is missing or wrong.
    """
    from flows.config.loader import load_project

    load_project(project)


@contextmanager
def exit_on_errors(as_json: bool, kept: str = KEPT) -> Iterator[None]:
    """Print an `EphyraError` without a traceback, and exit with code 2.

    An error of the system about a path of the user is shown in the same way. Ctrl-C prints what is
    kept, and exits with 130 as shells expect.
    """
    try:
        yield
    except EphyraError as error:
        _exit_as_bad_input(as_json, error)
    except OSError as error:
        explained = explain_path_error(error)
        if explained is None:
            raise  # a mistake of the program keeps its traceback
        _exit_as_bad_input(as_json, explained)
    except KeyboardInterrupt:
        _refuse(as_json, "Stopped", f"by Ctrl-C. {kept}", "stopped")
        raise typer.Exit(STOPPED) from None


def _exit_as_bad_input(as_json: bool, error: EphyraError) -> NoReturn:
    _refuse(as_json, type(error).__name__, str(error))
    raise typer.Exit(BAD_INPUT) from None


def show(as_json: bool, result: Answer) -> None:
    """Print an answer."""
    if as_json:
        write_json(result.data)
        return
    console = _create_console()
    for item in result.shown:
        console.print(item)


def _show_next_step(project: Path) -> None:
    from flows.status.next_step import suggest_next_step_of_folder

    if step := suggest_next_step_of_folder(project):
        _create_console().print(f"next: {step}")


def open_progress(as_json: bool) -> AbstractContextManager[Progress]:
    """Show bars on a terminal; elsewhere one line for each phase, or nothing beside JSON."""
    if sys.stderr.isatty():
        from flows.shared.progress_bars import Bars

        return Bars()
    return nullcontext(SilentProgress() if as_json else PlainLines())


def _refuse(as_json: bool, kind: str, message: str, label: str = "error") -> None:
    if as_json:
        write_json({"error": kind, "message": message})
    _create_console(stderr=True).print(Text.assemble((label, "bold red"), " ", message))


def write_json(data: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output."""
    from flows.shared.serialisation import make_plain

    try:
        sys.stdout.write(json.dumps(make_plain(data), indent=2, allow_nan=False) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)


class _Console(PrintableConsole):
    """A console whose reader may stop early (``| head``) without changing the exit code."""

    def on_broken_pipe(self) -> None:
        """Print nothing more; rich itself would exit with 1, which means "the answer is no"."""
        self.quiet = True
        _discard(self.file)


def _discard(stream: IO[str]) -> None:
    """Discard further output, since Python flushes the stream once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _create_console(stderr: bool = False) -> Console:
    return _Console(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)
