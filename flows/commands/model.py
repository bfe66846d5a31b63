"""Using what was learnt: `predict`, and who is asked: `promote` and `rollback`."""

from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.commands.answer import Answer, JsonOption, ProjectOption, answer


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("predict", epilog="Example: ephyra predict photo.jpg holiday/*.jpg")(predict)
    app.command("promote", epilog="Example: ephyra promote 3f9c21 --reason weaker-hardware")(
        promote
    )
    app.command("rollback", epilog="Example: ephyra rollback")(rollback)


def predict(
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """The champion's answer, with probabilities and "none of these"."""

    def work(progress: Progress) -> Answer:
        from flows.predicting import predict_files
        from flows.shown import predictions_answer
        from flows.workspace import open_workspace

        with open_workspace(project) as workspace:
            return predictions_answer(predict_files(workspace, images, progress))

    answer(as_json, work)


def promote(
    run_id: Annotated[str, typer.Argument(help="A run's id or its beginning.")],
    reason: Annotated[str, typer.Option(help="Kept beside the decision.")] = "a person's choice",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Make a run the champion by hand."""

    def work(_progress: Progress) -> Answer:
        from data_registry.champions import promote_by_hand
        from flows.shown_state import champion_answer
        from flows.workspace import open_workspace

        with open_workspace(project) as workspace:
            return champion_answer(promote_by_hand(workspace.registry, run_id, reason))

    answer(as_json, work)


def rollback(
    reason: Annotated[str, typer.Option(help="Kept beside the decision.")] = "a person's choice",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Give the title back to the champion before; only `promote` undoes it."""

    def work(_progress: Progress) -> Answer:
        from data_registry.champions import roll_back
        from flows.shown_state import champion_answer
        from flows.workspace import open_workspace

        with open_workspace(project) as workspace:
            return champion_answer(roll_back(workspace.registry, reason))

    answer(as_json, work)
