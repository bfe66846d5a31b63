"""Using what was learnt: `predict`."""

from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.commands.answer import Answer, JsonOption, ProjectOption, answer


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("predict", epilog="Example: ephyra predict photo.jpg holiday/*.jpg")(predict)


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
