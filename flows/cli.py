"""The command `ephyra`. Heavy libraries are loaded by the commands, not by this module."""

import gc

import typer

from flows.commands import deployment_commands, look, model, published, setup, stage_commands
from flows.commands.command_line import EphyraCommands, ShownAsWritten, VersionOption

app = typer.Typer(
    name="ephyra",
    help=(
        "Grow a small labelled image set into a larger one you can trust, and measure whether the "
        "new images helped.\n\nTo try it offline: ephyra demo"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=EphyraCommands,
)


@app.callback()
def ephyra(version: VersionOption = False) -> None:
    """Hold the options that stand before a command."""


for module in (setup, stage_commands, look, published, model, deployment_commands):
    module.add_to(app)
for command in app.registered_commands:
    command.cls = ShownAsWritten


def main() -> None:
    """Run the command line."""
    # A command makes some 300,000 objects while its libraries load, and none of them is garbage:
    # looking for it after every 700 takes an eighth of the time of `ephyra status`.
    gc.set_threshold(50_000, 20, 20)
    app()
