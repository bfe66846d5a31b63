"""How every command answers: a text for people or JSON for machines, and an exit code.

0: done. 1: done, and the answer is no. 2: bad use or input; nothing was lost.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from data_registry.errors import EphyraError
from data_registry.progress import Progress, Silent

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
        data: the same for machines; plain values.
        shown: what people see, printed one below the other.
        yes: False makes the exit code 1.
    """

    data: Mapping[str, Any]
    shown: Iterable[RenderableType] = field(default=())
    yes: bool = True


def answer(as_json: bool, work: Callable[[Progress], Answer]) -> None:
    """Do the work, print its answer and leave with its exit code.

    Args:
        as_json: one JSON object on standard output instead of text; errors too.
        work: given where to report progress.
    """
    try:
        with _progress(as_json) as progress:
            result = work(progress)
    except EphyraError as error:
        _refuse(as_json, error)
        raise typer.Exit(BAD_INPUT) from None
    if as_json:
        sys.stdout.write(json.dumps(result.data, indent=2, default=str) + "\n")
    else:
        console = Console(soft_wrap=True)
        for item in result.shown:
            console.print(item, highlight=False)
    if not result.yes:
        raise typer.Exit(ANSWER_IS_NO)


def _progress(as_json: bool) -> AbstractContextManager[Progress]:
    if as_json or not sys.stderr.isatty():
        return nullcontext(Silent())
    from flows.progress import Bars

    return Bars()


def _refuse(as_json: bool, error: EphyraError) -> None:
    if as_json:
        told = {"error": type(error).__name__, "message": str(error)}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error[/] {_escaped(str(error))}")


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
