"""The decorator that most commands share: the standard options, the project, the answer.

A command is a function from an `Invocation` and its own options to an `Answer`. The decorator adds
``--project`` and ``--json`` to its options, reads the project file, shows progress, prints the
answer, and turns errors into exit codes (`flows.output.answer`).
"""

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_registry.progress import Progress
from flows.output.answer import KEPT, Answer, JsonOption, ProjectOption, answer

if TYPE_CHECKING:  # it loads SQLAlchemy, which `--help` does without
    from flows.config.workspace import Workspace

_PROJECT, _AS_JSON = (
    inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=option
    )
    for name, default, option in (
        ("project", Path(), ProjectOption),
        ("as_json", False, JsonOption),
    )
)


@dataclass(frozen=True)
class Invocation:
    """One run of a command.

    Attributes:
        progress: where the command reports what it does.
        project: the folder of ephyra.toml; the current one for a command without a project.
    """

    progress: Progress
    project: Path = Path()

    def open_workspace(self) -> "AbstractContextManager[Workspace]":
        """Open the project for the length of a `with`."""
        from flows.config.workspace import open_workspace

        return open_workspace(self.project)


def run_as_command(
    kept: str = KEPT, *, in_project: bool = True
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Make a command of a function from an `Invocation` and options to an `Answer`.

    Args:
        kept: what Ctrl-C leaves, in a sentence.
        in_project: whether the command works on a project and has ``--project``.
    """
    added = [_PROJECT, _AS_JSON] if in_project else [_AS_JSON]

    def decorate(work: Callable[..., Answer]) -> Callable[..., None]:
        @functools.wraps(work)
        def run(*, as_json: bool, project: Path | None = None, **options: Any) -> None:
            def invoke(progress: Progress) -> Answer:
                return work(Invocation(progress, project or Path()), **options)

            answer(as_json, invoke, project, kept)

        # Typer reads the options off the signature and the annotations.
        signature = inspect.signature(work)
        parameters = [*list(signature.parameters.values())[1:], *added]
        run.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=parameters, return_annotation=None
        )
        run.__annotations__ = {item.name: item.annotation for item in parameters}
        return run

    return decorate
