"""Looking: `status`, `check`, `versions`, `decisions`, `forecast`, `verify` and `report`."""

from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.output.answer import Answer, JsonOption, ProjectOption, answer
from flows.shared.loading import loading_models


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("status", epilog="Example: ephyra status --json")(status)
    app.command("check", epilog="Example: ephyra check")(check)
    app.command("versions", epilog="Example: ephyra versions")(versions)
    app.command("decisions", epilog="Example: ephyra decisions --csv pool.csv")(decisions)
    app.command("forecast", epilog="Example: ephyra forecast")(forecast)
    app.command("verify", epilog="Example: ephyra verify v2 --blobs")(verify)
    app.command("report", epilog="Example: ephyra report")(report)


def status(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """What is there: images, outcomes, decisions, answers, versions, champion."""

    def work(_progress: Progress) -> Answer:
        from flows.config.workspace import open_workspace
        from flows.output.state_view import status_answer
        from flows.status.overview import overview

        with open_workspace(project) as workspace:
            return status_answer(overview(workspace))

    answer(as_json, work, project)


def check(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Look the project file over: provider kinds and paths, models, weights files, licences.

    Nothing is fetched, and nothing is changed. Exit code 1 names what would stop a stage.
    """

    def work(_progress: Progress) -> Answer:
        from flows.config.project_check import check_project
        from flows.output.check_view import check_answer

        return check_answer(check_project(project))

    answer(as_json, work, project)


def versions(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """Every version: tag, images per split, how many were excluded and why."""

    def work(_progress: Progress) -> Answer:
        from data_registry.versions.publishing import versions as published
        from flows.config.workspace import open_workspace
        from flows.output.state_view import versions_answer

        with open_workspace(project) as workspace:
            return versions_answer(published(workspace.registry))

    answer(as_json, work, project)


def decisions(
    csv: Annotated[Path | None, typer.Option(help="Write every pool image to this file.")] = None,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """What became of every collected image, and why."""

    def work(_progress: Progress) -> Answer:
        from data_registry.csv_files import write_csv
        from flows.config.workspace import open_workspace
        from flows.output.state_view import decisions_answer
        from flows.status.overview import decision_table

        with open_workspace(project) as workspace:
            table = decision_table(workspace.registry)
            if csv:
                write_csv(table, csv)
            return decisions_answer(table, csv)

    answer(as_json, work, project)


def forecast(project: ProjectOption = Path(), as_json: JsonOption = False) -> None:
    """What further answers or images of a class are likely to bring, and when to stop."""

    def work(progress: Progress) -> Answer:
        from flows.config.prerequisites import demand_teacher
        from flows.config.workspace import open_workspace

        with open_workspace(project) as workspace:
            demand_teacher(workspace)
            with loading_models(progress):
                from flows.config.model_settings import label_settings
                from flows.output.forecast_view import forecast_answer
                from labeling.forecast.forecast import forecast as look_ahead
            spec = label_settings(workspace).teacher
            return forecast_answer(look_ahead(workspace.registry, spec, progress))

    answer(as_json, work, project)


def verify(
    version: Annotated[str, typer.Argument(help="A tag; by default every version.")] = "",
    blobs: Annotated[bool, typer.Option("--blobs", help="Also hash every image again.")] = False,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Prove the rules on what is stored; exit code 1 names every breach."""

    def work(progress: Progress) -> Answer:
        from data_registry.verification.verify import verify as check
        from data_registry.versions.publishing import find_version
        from flows.config.settings import radii
        from flows.config.workspace import open_workspace
        from flows.output.state_view import verify_answer

        with open_workspace(project) as workspace:
            tag = find_version(workspace.registry, version).tag if version else ""
            registry = workspace.registry
            return verify_answer(check(registry, radii(workspace), tag, blobs, progress))

    answer(as_json, work, project, kept="Nothing was changed")


def report(
    run_id: Annotated[
        str,
        typer.Argument(
            help="A run's id or its beginning, or: champion; by default all, newest last."
        ),
    ] = "",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="RUN RUN",
            help="Write a page on two runs (or: champion RUN): is the second better?",
        ),
    ] = None,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Where the HTML reports of the trainings lie; or a new one that compares two runs."""

    def work(progress: Progress) -> Answer:
        from flows.config.prerequisites import demand_runs
        from flows.config.workspace import open_workspace
        from flows.output.state_view import pair_answer, report_answer
        from flows.reports.paths import find_report

        with open_workspace(project) as workspace:
            if compare:
                demand_runs(workspace, compare)
                with loading_models(progress):
                    from flows.reports.pair_reporting import report_pair
                return pair_answer(report_pair(workspace, *compare))
            return report_answer(find_report(workspace.registry, run_id))

    answer(as_json, work, project)
