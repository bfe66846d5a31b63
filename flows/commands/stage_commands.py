"""The stages, `collect` to `sweep`, the takedown `forget`, and the flows `run` and `retrain`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.run_as_command import Invocation, run_as_command
from flows.output.answer import Answer
from flows.shared.loading import announce_model_loading
from flows.steps import project_steps


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
    kept="Stored images and the answer of every host are kept: `ephyra collect` continues"
)
def collect_images(
    call: Invocation,
    shows_yield: Annotated[
        bool, typer.Option("--yield", help="Only show what each query has yielded so far.")
    ] = False,
    retries: Annotated[
        bool, typer.Option("--retry", help="Only retry failures that may succeed now.")
    ] = False,
) -> Answer:
    """Collect images: query every provider, fetch, check, store. Skip finished candidates."""
    with call.open_workspace() as workspace:
        if not shows_yield:
            return project_steps.collect_images(
                workspace, call.progress, only_failed=retries
            ).answer
        from collectors.query_yield import compute_query_yields
        from flows.output.collection_view import build_yield_answer

        return build_yield_answer(compute_query_yields(workspace.registry))


@run_as_command(kept="Features, comparisons and predictions are kept: `ephyra label` continues")
def label_pool(
    call: Invocation,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Calibrated confidence to accept from; overrides the project file."
        ),
    ] = None,
) -> Answer:
    """Find duplicates, train the teacher, accept, reject or queue each image; write a page."""
    with call.open_workspace() as workspace:
        return project_steps.label_pool(workspace, call.progress, threshold).answer


@run_as_command()
def review_images(
    call: Invocation,
    answers: Annotated[
        Path | None, typer.Option("--answer", help="A CSV with the columns sha256 and answer.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a CSV to fill in, with the images beside it.")
    ] = None,
    audit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draw a blind sample of the accepted images; 59 right answers certify 95 %, 47 of "
            "200 accepted, 31 of 60. It may be drawn larger at any time.",
        ),
    ] = None,
    person: Annotated[str, typer.Option(help="Who answers.")] = "reviewer",
) -> Answer:
    """List the images that wait for a person, or read a person's answers."""
    from flows.stages.reviewing import ReviewRequest

    request = ReviewRequest(answers, sheet, audit, person)
    with call.open_workspace() as workspace:
        return project_steps.review_images(workspace, request, asks_for_retrain=True).answer


@run_as_command()
def merge_version(call: Invocation) -> Answer:
    """Publish a new version, checked for leaks between splits."""
    with call.open_workspace() as workspace:
        return project_steps.merge_version(workspace, call.progress).answer


@run_as_command(
    kept="Finished trainings and the last checkpoint are kept: `ephyra train` continues"
)
def train_models(
    call: Invocation,
    version: Annotated[
        str, typer.Argument(help="A tag or hash. Default: the newest version.")
    ] = "",
) -> Answer:
    """Train each model without and with the collected images; compare on the same test set."""
    with call.open_workspace() as workspace:
        return project_steps.train_models(workspace, call.progress, version).answer


@run_as_command(kept="Finished trials are kept: `ephyra sweep` continues")
def sweep_settings(
    call: Invocation,
    version: Annotated[
        str, typer.Argument(help="A tag or hash. Default: the newest version.")
    ] = "",
) -> Answer:
    """Search the settings in [[train.sweeps]], and train the best like any model.

    Finished trials are kept, also those of a stopped sweep. No trial reads test.
    """
    from data_registry.versions.published_versions import find_version
    from flows.config.prerequisites import require_sweeps

    with call.open_workspace() as workspace:
        require_sweeps(workspace)
        find_version(workspace.registry, version)
        with announce_model_loading(call.progress):
            from flows.output.training_view import build_sweep_answer
            from flows.training.sweeping import run_sweeps_stage
        return build_sweep_answer(run_sweeps_stage(workspace, version, call.progress))


@run_as_command(
    kept="Finished stages are kept, and the last one's finished work: `ephyra run` continues"
)
def run_stages(
    call: Invocation,
    labelled_set: Annotated[
        Path | None, typer.Option("--import", help="A labelled set to import first.")
    ] = None,
) -> Answer:
    """Run all stages, the flow collect-and-label, in this process; needs no server."""
    from flows.local_run import collect_and_label_in_process
    from flows.output.flow_view import build_run_answer

    return build_run_answer(collect_and_label_in_process(call.project, labelled_set, call.progress))


@run_as_command()
def retrain(
    call: Invocation,
    always: Annotated[
        bool, typer.Option("--always", help="Also if nothing new was answered or collected.")
    ] = False,
) -> Answer:
    """Publish a version from new answers and train: the flow retrain, in this process."""
    from flows.local_run import retrain_in_process
    from flows.output.flow_view import build_retrain_answer

    return build_retrain_answer(retrain_in_process(call.project, always, call.progress))


@run_as_command()
def forget_images(
    call: Invocation,
    url: Annotated[
        list[str] | None, typer.Option(help="The URL of an image or of its page.")
    ] = None,
    creator: Annotated[
        list[str] | None, typer.Option(help="A creator, spelt as by the provider.")
    ] = None,
    sha: Annotated[
        list[str] | None, typer.Option(help="An image's SHA-256 or its first characters.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Who asked and why; recorded.")] = "asked for",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be taken down.")
    ] = False,
) -> Answer:
    """Take images down: delete them, block duplicates, list versions and runs that held them."""
    from flows.output.collection_view import build_takedown_answer, build_takedown_preview
    from flows.stages.forget import Takedown, find_stage, forget_stage

    takedown = Takedown(tuple(url or ()), tuple(creator or ()), tuple(sha or ()), reason)
    with call.open_workspace() as workspace:
        if dry_run:
            return build_takedown_preview(find_stage(workspace, takedown))
        return build_takedown_answer(forget_stage(workspace, takedown))
