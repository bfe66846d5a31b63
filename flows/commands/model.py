"""Commands about models: `predict`, `serve`, `distil`, `export-model`, `promote`, `rollback`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.run_as_command import Invocation, run_as_command
from flows.output.answer import (
    Answer,
    JsonOption,
    ProjectOption,
    exit_on_errors,
    open_progress,
    require_project,
    show,
)
from flows.shared.loading import announce_model_loading
from flows.steps import project_steps


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("predict", epilog="Example: ephyra predict photo.jpg holiday/*.jpg")(predict_images)
    app.command("serve", epilog="Example: ephyra serve --port 8080")(serve_predictions)
    app.command("distil", epilog="Example: ephyra distil MobileNetV3-Small")(distil_model)
    app.command("export-model", epilog="Example: ephyra export-model champion ~/model --int8")(
        export_model
    )
    app.command("promote", epilog="Example: ephyra promote 3f9c21 --reason weaker-hardware")(
        promote_run
    )
    app.command("rollback", epilog="Example: ephyra rollback")(roll_back)


@run_as_command(kept="Nothing was written")
def predict_images(
    call: Invocation,
    images: Annotated[
        list[str], typer.Argument(help="Image files, folders of them, or http(s) addresses.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Number of classes to list for each image.")] = 3,
    csv: Annotated[Path | None, typer.Option(help="Write the predictions to this file.")] = None,
) -> Answer:
    """Predict with the champion: calibrated probabilities, or "none of these"."""
    with call.open_workspace() as workspace:
        return project_steps.predict_images(
            workspace, images, call.progress, top=top, csv=csv
        ).answer


def serve_predictions(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1.")] = 8000,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Serve predictions on this machine: an upload page, and JSON for programs at /predict."""
    with exit_on_errors(as_json):
        require_project(project)
        from flows.prediction.site.serving import serve_champion

        def tell(url: str) -> None:
            show(as_json, Answer({"url": url}, [f"{url} (Ctrl-C ends it)"]))

        serve_champion(project, port, tell, open_progress(as_json))


@run_as_command()
def distil_model(
    call: Invocation,
    student: Annotated[str, typer.Argument(help="The name of a [[train.models]] table.")],
    teacher: Annotated[
        list[str] | None, typer.Option(help="A run; several are averaged. Default: the champion.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=1, help="Higher makes the teacher's soft targets smoother.")
    ] = 3.0,
    share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the loss that comes from the soft targets."),
    ] = 0.7,
) -> Answer:
    """Train a small model on the champion's soft targets, and compare the two."""
    from flows.config.prerequisites import require_model, require_runs, require_weights_files

    with call.open_workspace() as workspace:
        require_weights_files(workspace, [require_model(workspace, student)])
        require_runs(workspace, teacher or ())
        with announce_model_loading(call.progress):
            from flows.output.training_view import build_distil_answer
            from flows.training.distil_stage import DistilRequest, distil_stage
        request = DistilRequest(student, tuple(teacher or ()), temperature, share)
        return build_distil_answer(distil_stage(workspace, request, call.progress))


class ModelFormat(StrEnum):
    """A file format that other runtimes read."""

    ONNX = "onnx"


@run_as_command(kept="Nothing was written")
def export_model(
    call: Invocation,
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id, its first characters, or: champion.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    to: Annotated[ModelFormat, typer.Option(help="The format.")] = ModelFormat.ONNX,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Also write an 8-bit model and measure its loss of accuracy."),
    ] = False,
) -> Answer:
    """Export a model with its normalisation for other runtimes, and check its predictions."""
    from data_registry.export.new_folder import refuse_full_folder
    from flows.config.prerequisites import require_runs

    with call.open_workspace() as workspace:
        refuse_full_folder(folder)
        require_runs(workspace, [run_id])
        with announce_model_loading(call.progress):
            from flows.output.training_view import build_model_export_answer
            from flows.training.model_export import export_model_stage
        found = export_model_stage(workspace, run_id, folder, int8=int8, progress=call.progress)
        return build_model_export_answer(found, to.value)


@run_as_command()
def promote_run(
    call: Invocation,
    run_id: Annotated[str, typer.Argument(help="A run's id or its first characters.")],
    reason: Annotated[str, typer.Option(help="Recorded with the decision.")] = "a person's choice",
) -> Answer:
    """Make a run the champion by hand."""
    from data_registry.runs.champions import promote_by_hand
    from flows.output.champion_view import build_champion_answer

    with call.open_workspace() as workspace:
        return build_champion_answer(promote_by_hand(workspace.registry, run_id, reason))


@run_as_command()
def roll_back(
    call: Invocation,
    reason: Annotated[str, typer.Option(help="Recorded with the decision.")] = "a person's choice",
) -> Answer:
    """Make the previous champion the champion again; only `promote` undoes it."""
    from data_registry.runs.champions import roll_back
    from flows.output.champion_view import build_champion_answer

    with call.open_workspace() as workspace:
        return build_champion_answer(roll_back(workspace.registry, reason))
