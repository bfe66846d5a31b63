"""Beginning: `init`, `import` and `demo`."""

from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.commands.answer import Answer, JsonOption, ProjectOption, answer


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("init", epilog="Example: ephyra init medusae")(init)
    app.command("import", epilog="Example: ephyra import ~/photos/jellyfish")(import_set)
    app.command("demo", epilog="Example: ephyra demo --keep my-demo")(demo)


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder; made if missing.")],
    template: Annotated[str, typer.Option(help="Which commented project file to write.")] = "plain",
    as_json: JsonOption = False,
) -> None:
    """Begin a project: write a commented ephyra.toml, and the folder's prefect.toml."""

    def work(_progress: Progress) -> Answer:
        from flows.scaffold import write_project

        written = write_project(folder, template)
        lines = [f"wrote {path}" for path in written]
        next_step = "next: edit ephyra.toml, then give `ephyra import DIR` in that folder"
        return Answer({"written": [str(path) for path in written]}, [*lines, next_step])

    answer(as_json, work)


def import_set(
    folder: Annotated[Path, typer.Argument(help="CLASS/photo.jpg, or train/CLASS/photo.jpg, …")],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Import a labelled set, and publish the first version of it."""

    def work(progress: Progress) -> Answer:
        from flows.shown import imported_answer
        from flows.stages import import_stage
        from flows.workspace import open_workspace

        with open_workspace(project) as workspace:
            return imported_answer(import_stage(workspace, folder, progress))

    answer(as_json, work)


def demo(
    keep: Annotated[
        Path | None, typer.Option(help="An empty or new folder for the workspace.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The whole way on a small made-up bay of images, offline, in under three minutes."""

    def work(progress: Progress) -> Answer:
        from flows.demo.show import demo_answer
        from flows.demo.tour import run_demo

        return demo_answer(run_demo(keep, progress))

    answer(as_json, work)
