"""The command line itself: help texts shown as written, usage errors, `--version`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import HAS_RICH, TyperCommand, TyperGroup
from typer.exceptions import TyperException

from data_registry.text.printable import make_printable
from flows.config.validation.expected_words import describe_expectation
from flows.output.answer import write_json

_JSON = "--json"
_JSON_KEY = "ephyra.json"


class ShownAsWritten(TyperCommand):
    """A command whose help may name TOML tables: ``[[train.models]]`` is no markup."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not HAS_RICH:
            return
        for name in ("help", "short_help", "epilog"):
            setattr(self, name, _escape_markup(getattr(self, name)))
        for parameter in self.params:
            for name in ("help", "metavar"):
                setattr(parameter, name, _escape_markup(getattr(parameter, name, None)))


class EphyraCommands(TyperGroup):
    """The group of all commands: with ``--json``, a usage error is a JSON object too."""

    def make_context(self, info_name: Any, args: Any, *further: Any, **extra: Any) -> Any:
        """Read the arguments of the group itself."""
        as_json = _JSON in args
        with _tell_as_json(as_json):
            context = super().make_context(info_name, args, *further, **extra)
        context.meta[_JSON_KEY] = as_json
        return context

    def invoke(self, ctx: Any) -> Any:
        """Read the arguments of a command, and run it."""
        with _tell_as_json(ctx.meta[_JSON_KEY]):
            return super().invoke(ctx)


def _escape_markup(text: str | None) -> str | None:
    return escape(text) if text else text


@contextmanager
def _tell_as_json(as_json: bool) -> Iterator[None]:
    """Also write a usage error as JSON to standard output, before Typer reports it."""
    try:
        yield
    except TyperException as error:
        error.message = make_printable(
            describe_expectation(error.message)
        )  # Typer passes pydantic's on
        if as_json:
            write_json({"error": "UsageError", "message": error.format_message()})
        raise


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"ephyra {version('ephyra')}\n")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
]
