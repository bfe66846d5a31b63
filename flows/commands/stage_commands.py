"""The stages, `collect` to `sweep`, the takedown `forget`, and the flows `run` and `retrain`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.run_as_command import Invocation, run_as_command
from flows.output.answer import Answer
from flows.shared.loading import loading_models


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("collect", epilog="Example: ephyra collect; then: ephyra collect --yield")(
        collect_images
    )
    app.command("forget", epilog="Example: ephyra forget --creator 'A. Diver'")(forget_images)
    app.command("label", epilog="Example: ephyra label --threshold 0.98")(label_pool)
    app.command("review", epilog="Example: ephyra review --sheet answers.csv")(review_images)
    app.command("merge", epilog="Example: ephyra merge")(merge_version)
    app.command("train", epilog="Example: ephyra train")(train_models)
    app.command("sweep", epilog="Example: ephyra sweep")(sweep_settings)
    app.command("run", epilog="Example: ephyra run --import ~/photos/jellyfish")(run_stages)
    app.command("retrain", epilog="Example: ephyra retrain")(retrain)


@run_as_command(
    kept="What was stored is kept, and the word of every host: `ephyra collect` goes on"
)
def collect_images(
    call: Invocation,
    shows_yield: Annotated[
        bool, typer.Option("--yield", help="Only show what each query has brought so far.")
    ] = False,
    retries: Annotated[
        bool, typer.Option("--retry", help="Only try again what failed and may succeed now.")
    ] = False,
) -> Answer:
    """Find more images: ask every provider, fetch, check, store. Finished ones are not repeated."""
    from flows.output.collection_view import build_collect_answer, build_yield_answer
    from flows.stages.stages import collect_stage, retry_stage

    with call.open_workspace() as workspace:
        if not shows_yield:
            stage = retry_stage if retries else collect_stage
            return build_collect_answer(stage(workspace, call.progress))
        from collectors.query_yield import yields

        return build_yield_answer(yields(workspace.registry))


@run_as_command(kept="Features, comparisons and predictions are kept: `ephyra label` goes on")
def label_pool(
    call: Invocation,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Calibrated confidence accepted, instead of the project file's."
        ),
    ] = None,
) -> Answer:
    """Group what was collected, and let the teacher accept, reject or ask about each image."""
    from flows.config.prerequisites import demand_teacher
    from flows.output.result_view import build_label_answer
    from flows.stages.stages import group_stage, label_stage
    from flows.status.next_step import waiting_by_reason

    with call.open_workspace() as workspace:
        demand_teacher(workspace)
        with loading_models(call.progress):
            import flows.config.model_settings  # noqa: F401  # what both stages load
        groups = group_stage(workspace, call.progress)
        labelled = label_stage(workspace, call.progress, threshold)
        return build_label_answer(groups, labelled, waiting_by_reason(workspace.registry))


@run_as_command()
def review_images(
    call: Invocation,
    answers: Annotated[
        Path | None, typer.Option("--answer", help="A CSV with the columns sha256 and answer.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a CSV to fill in, with the pictures beside it.")
    ] = None,
    audit: Annotated[
        int | None,
        typer.Option(min=1, help="Draw a blind sample of the accepted; 59 right certify 95 %."),
    ] = None,
    person: Annotated[str, typer.Option(help="Who answers.")] = "reviewer",
) -> Answer:
    """List the images that wait for a person, or take in their answers."""
    from flows.deployments.retrain_request import ask_for_retrain, is_retrain_wanted
    from flows.output.result_view import build_review_answer
    from flows.stages.reviewing import ReviewRequest, review_stage

    with call.open_workspace() as workspace:
        request = ReviewRequest(answers, sheet, audit, person)
        state = review_stage(workspace, request)
    is_wanted = state.taken and (state.taken.new or is_retrain_wanted(call.project))
    asked = ask_for_retrain(call.project) if is_wanted else ""
    return build_review_answer(state, asked)


@run_as_command()
def merge_version(call: Invocation) -> Answer:
    """Publish what is known as a new version, whose splits cannot leak."""
    from flows.output.result_view import build_merge_answer
    from flows.stages.stages import merge_stage

    with call.open_workspace() as workspace:
        return build_merge_answer(merge_stage(workspace, call.progress))


@run_as_command(kept="Finished trainings and the last checkpoint are kept: `ephyra train` goes on")
def train_models(
    call: Invocation,
    version: Annotated[str, typer.Argument(help="A tag or hash; by default the newest.")] = "",
) -> Answer:
    """Train each model without and with the collected images, and compare on the same test set."""
    from data_registry.versions.publishing import find_version
    from flows.config.prerequisites import demand_weights

    with call.open_workspace() as workspace:
        find_version(workspace.registry, version)
        demand_weights(workspace, workspace.project.train.models)
        with loading_models(call.progress):
            from flows.champion.champion_calibration import calibrate_stage
            from flows.champion.decision import decide_stage
            from flows.output.result_view import build_train_answer
            from flows.training.train_stage import train_stage
        trained = train_stage(workspace, version, call.progress)
        decided = decide_stage(workspace, version, call.progress)
        calibrate_stage(workspace, call.progress)
        return build_train_answer(trained, decided)


@run_as_command(kept="Finished trials are kept: `ephyra sweep` goes on")
def sweep_settings(
    call: Invocation,
    version: Annotated[str, typer.Argument(help="A tag or hash; by default the newest.")] = "",
) -> Answer:
    """Search the settings that [[train.sweeps]] names, and train the best like any model.

    Trials that were made are kept, also of a sweep that was stopped. None of them sees test.
    """
    from data_registry.versions.publishing import find_version
    from flows.config.prerequisites import demand_sweeps

    with call.open_workspace() as workspace:
        demand_sweeps(workspace)
        find_version(workspace.registry, version)
        with loading_models(call.progress):
            from flows.output.training_view import build_sweep_answer
            from flows.training.sweeping import sweep_stage
        return build_sweep_answer(sweep_stage(workspace, version, call.progress))


@run_as_command(
    kept="Finished stages are kept, and what the last one finished: `ephyra run` goes on"
)
def run_stages(
    call: Invocation,
    labelled_set: Annotated[
        Path | None, typer.Option("--import", help="A labelled set to import first.")
    ] = None,
) -> Answer:
    """All stages: the flow collect-and-label, in this process and without any server set up."""
    from flows.local_run import run_in_process
    from flows.output.result_view import build_run_answer

    return build_run_answer(run_in_process(call.project, labelled_set, call.progress))


@run_as_command()
def retrain(
    call: Invocation,
    always: Annotated[
        bool, typer.Option("--always", help="Although nothing new was answered or collected.")
    ] = False,
) -> Answer:
    """New answers become a version and models: the flow retrain, in this process."""
    from flows.local_run import retrain_in_process
    from flows.output.result_view import build_retrain_answer

    return build_retrain_answer(retrain_in_process(call.project, always, call.progress))


@run_as_command()
def forget_images(
    call: Invocation,
    url: Annotated[
        list[str] | None, typer.Option(help="An image's address, or that of its page.")
    ] = None,
    creator: Annotated[
        list[str] | None, typer.Option(help="A creator, spelt as the provider does.")
    ] = None,
    sha: Annotated[
        list[str] | None, typer.Option(help="An image's SHA-256, or its beginning.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Who asked and why; kept.")] = "asked for",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only name what would be taken down.")
    ] = False,
) -> Answer:
    """Take images down: delete them for ever, keep them from coming back, name who held them."""
    from flows.output.collection_view import build_takedown_answer, build_takedown_preview
    from flows.stages.forget import Takedown, find_stage, forget_stage

    takedown = Takedown(tuple(url or ()), tuple(creator or ()), tuple(sha or ()), reason)
    with call.open_workspace() as workspace:
        if dry_run:
            return build_takedown_preview(find_stage(workspace, takedown))
        return build_takedown_answer(forget_stage(workspace, takedown))
