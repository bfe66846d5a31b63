"""The stages, `collect` to `sweep`, the takedown `forget`, and the flows `run` and `retrain`."""

from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.output.answer import Answer, JsonOption, ProjectOption, answer
from flows.shared.loading import loading_models


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("collect", epilog="Example: ephyra collect; then: ephyra collect --yield")(collect)
    app.command("forget", epilog="Example: ephyra forget --creator 'A. Diver'")(forget)
    app.command("label", epilog="Example: ephyra label --threshold 0.98")(label)
    app.command("review", epilog="Example: ephyra review --sheet answers.csv")(review)
    app.command("merge", epilog="Example: ephyra merge")(merge)
    app.command("train", epilog="Example: ephyra train")(train)
    app.command("sweep", epilog="Example: ephyra sweep")(sweep)
    app.command("run", epilog="Example: ephyra run --import ~/photos/jellyfish")(run)
    app.command("retrain", epilog="Example: ephyra retrain")(retrain)


def collect(
    shows_yield: Annotated[
        bool, typer.Option("--yield", help="Only show what each query has brought so far.")
    ] = False,
    retries: Annotated[
        bool, typer.Option("--retry", help="Only try again what failed and may succeed now.")
    ] = False,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Find more images: ask every provider, fetch, check, store. Finished ones are not repeated."""

    def work(progress: Progress) -> Answer:
        from flows.config.workspace import open_workspace
        from flows.output.collection_view import collected_answer, yields_answer
        from flows.stages.stages import collect_stage, retry_stage

        with open_workspace(project) as workspace:
            if not shows_yield:
                stage = retry_stage if retries else collect_stage
                return collected_answer(stage(workspace, progress))
            from collectors.query_yield import yields

            return yields_answer(yields(workspace.registry))

    answer(
        as_json,
        work,
        project,
        kept="What was stored is kept, and the word of every host: `ephyra collect` goes on",
    )


def label(
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Calibrated confidence accepted, instead of the project file's."
        ),
    ] = None,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Group what was collected, and let the teacher accept, reject or ask about each image."""

    def work(progress: Progress) -> Answer:
        from flows.config.prerequisites import demand_teacher
        from flows.config.workspace import open_workspace
        from flows.output.result_view import labelled_answer
        from flows.stages.stages import group_stage, label_stage
        from flows.status.next_step import waiting_by_reason

        with open_workspace(project) as workspace:
            demand_teacher(workspace)
            with loading_models(progress):
                import flows.config.model_settings  # noqa: F401  # what both stages load
            groups = group_stage(workspace, progress)
            labelled = label_stage(workspace, progress, threshold)
            return labelled_answer(groups, labelled, waiting_by_reason(workspace.registry))

    answer(
        as_json,
        work,
        project,
        kept="Features, comparisons and predictions are kept: `ephyra label` goes on",
    )


def review(
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
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List the images that wait for a person, or take in their answers."""

    def work(_progress: Progress) -> Answer:
        from flows.config.workspace import open_workspace
        from flows.deployments.retrain_request import ask_for_retrain, is_retrain_wanted
        from flows.output.result_view import review_answer
        from flows.stages.reviewing import ReviewRequest, review_stage

        with open_workspace(project) as workspace:
            request = ReviewRequest(answers, sheet, audit, person)
            state = review_stage(workspace, request)
        is_wanted = state.taken and (state.taken.new or is_retrain_wanted(project))
        asked = ask_for_retrain(project) if is_wanted else ""
        return review_answer(state, asked)

    answer(as_json, work, project)


def merge(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Publish what is known as a new version, whose splits cannot leak."""

    def work(progress: Progress) -> Answer:
        from flows.config.workspace import open_workspace
        from flows.output.result_view import version_answer
        from flows.stages.stages import merge_stage

        with open_workspace(project) as workspace:
            return version_answer(merge_stage(workspace, progress))

    answer(as_json, work, project)


def train(
    version: Annotated[str, typer.Argument(help="A tag or hash; by default the newest.")] = "",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Train each model without and with the collected images, and compare on the same test set."""

    def work(progress: Progress) -> Answer:
        from data_registry.versions.publishing import find_version
        from flows.config.prerequisites import demand_weights
        from flows.config.workspace import open_workspace

        with open_workspace(project) as workspace:
            find_version(workspace.registry, version)
            demand_weights(workspace, workspace.project.train.models)
            with loading_models(progress):
                from flows.champion.champion_calibration import calibrate_stage
                from flows.champion.decision import decide_stage
                from flows.output.result_view import trained_answer
                from flows.training.train_stage import train_stage
            trained = train_stage(workspace, version, progress)
            decided = decide_stage(workspace, version, progress)
            calibrate_stage(workspace, progress)
            return trained_answer(trained, decided)

    answer(
        as_json,
        work,
        project,
        kept="Finished trainings and the last checkpoint are kept: `ephyra train` goes on",
    )


def sweep(
    version: Annotated[str, typer.Argument(help="A tag or hash; by default the newest.")] = "",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Search the settings that [[train.sweeps]] names, and train the best like any model.

    Trials that were made are kept, also of a sweep that was stopped. None of them sees test.
    """

    def work(progress: Progress) -> Answer:
        from data_registry.versions.publishing import find_version
        from flows.config.prerequisites import demand_sweeps
        from flows.config.workspace import open_workspace

        with open_workspace(project) as workspace:
            demand_sweeps(workspace)
            find_version(workspace.registry, version)
            with loading_models(progress):
                from flows.output.training_view import swept_answer
                from flows.training.sweeping import sweep_stage
            return swept_answer(sweep_stage(workspace, version, progress))

    answer(as_json, work, project, kept="Finished trials are kept: `ephyra sweep` goes on")


def run(
    labelled_set: Annotated[
        Path | None, typer.Option("--import", help="A labelled set to import first.")
    ] = None,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """All stages: the flow collect-and-label, in this process and without any server set up."""

    def work(progress: Progress) -> Answer:
        from flows.local_run import run_in_process
        from flows.output.result_view import run_answer

        return run_answer(run_in_process(project, labelled_set, progress))

    answer(
        as_json,
        work,
        project,
        kept="Finished stages are kept, and what the last one finished: `ephyra run` goes on",
    )


def retrain(
    always: Annotated[
        bool, typer.Option("--always", help="Although nothing new was answered or collected.")
    ] = False,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """New answers become a version and models: the flow retrain, in this process."""

    def work(progress: Progress) -> Answer:
        from flows.local_run import retrain_in_process
        from flows.output.result_view import retrained_answer

        return retrained_answer(retrain_in_process(project, always, progress))

    answer(as_json, work, project)


def forget(
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
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Take images down: delete them for ever, keep them from coming back, name who held them."""

    def work(_progress: Progress) -> Answer:
        from flows.config.workspace import open_workspace
        from flows.output.collection_view import forgotten_answer, to_forget_answer
        from flows.stages.forget import Takedown, find_stage, forget_stage

        takedown = Takedown(tuple(url or ()), tuple(creator or ()), tuple(sha or ()), reason)
        with open_workspace(project) as workspace:
            if dry_run:
                return to_forget_answer(find_stage(workspace, takedown))
            return forgotten_answer(forget_stage(workspace, takedown))

    answer(as_json, work, project)
