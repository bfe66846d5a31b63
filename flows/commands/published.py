"""What a person does with published versions and the images in them: `diff` and `why`."""

from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.commands.answer import Answer, JsonOption, ProjectOption, answer


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("diff", epilog="Example: ephyra diff v1 v2 --csv changes.csv")(diff)
    app.command("why", epilog="Example: ephyra why 3f9c21ab")(why)


def diff(
    before: Annotated[str, typer.Argument(metavar="V1", help="A tag, or the hash's beginning.")],
    after: Annotated[str, typer.Argument(metavar="V2", help="The later one.")],
    csv: Annotated[Path | None, typer.Option(help="Name every change in this file.")] = None,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """What changed between two versions: added, removed, relabelled, moved between splits."""

    def work(_progress: Progress) -> Answer:
        from data_registry.diff import diff_versions
        from data_registry.versions import find_version
        from flows.overview import write_csv
        from flows.shown_versions import diff_answer
        from flows.workspace import open_workspace

        with open_workspace(project) as workspace:
            registry = workspace.registry
            both = (find_version(registry, name) for name in (before, after))
            found = diff_versions(registry, *both)
            if csv:
                write_csv(found.images, csv)
            return diff_answer(found, csv)

    answer(as_json, work)


def why(
    image: Annotated[
        str, typer.Argument(help="A SHA-256 or its beginning, a URL, or an image file.")
    ],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """One image's life, from the address it was seen at to the versions and runs it is in."""

    def work(_progress: Progress) -> Answer:
        from data_registry.image_names import find_image
        from data_registry.life import life_of
        from flows.shown_versions import life_answer
        from flows.workspace import open_workspace

        with open_workspace(project) as workspace:
            registry = workspace.registry
            return life_answer(life_of(registry, find_image(registry, image)))

    answer(as_json, work)
