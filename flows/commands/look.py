"""Commands that inspect a workspace: `status`, `check`, `versions`, `decisions` and others."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.run_as_command import Invocation, run_as_command
from flows.output.answer import Answer
from flows.shared.loading import announce_model_loading
from flows.steps import project_steps


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("status", epilog="Example: ephyra status --json")(show_status)
    app.command("check", epilog="Example: ephyra check")(check_file)
    app.command("versions", epilog="Example: ephyra versions")(list_versions)
    app.command("decisions", epilog="Example: ephyra decisions --csv pool.csv")(list_decisions)
    app.command("forecast", epilog="Example: ephyra forecast")(forecast_gains)
    app.command("verify", epilog="Example: ephyra verify v2 --blobs")(verify_workspace)
    app.command("report", epilog="Example: ephyra report")(find_reports)


@run_as_command()
def show_status(call: Invocation) -> Answer:
    """Show the workspace: images, outcomes, decisions, answers, versions, champion."""
    from flows.output.state_view import build_status_answer
    from flows.status.overview import summarise_workspace

    with call.open_workspace() as workspace:
        return build_status_answer(summarise_workspace(workspace))


@run_as_command()
def check_file(call: Invocation) -> Answer:
    """Check the project file: provider kinds and paths, models, weights files, licences.

    Fetches nothing and changes nothing. With exit code 1 it lists what would stop a stage.
    """
    from flows.config.project_check import check_project
    from flows.output.check_view import build_check_answer

    return build_check_answer(check_project(call.project))


@run_as_command()
def list_versions(call: Invocation) -> Answer:
    """List the versions: tag, images per split, exclusions with their reasons."""
    from data_registry.versions.published_versions import load_versions as published
    from flows.output.state_view import build_versions_answer

    with call.open_workspace() as workspace:
        return build_versions_answer(published(workspace.registry))


@run_as_command()
def list_decisions(
    call: Invocation,
    csv: Annotated[
        Path | None, typer.Option(help="Write a row for every pool image to this file.")
    ] = None,
) -> Answer:
    """List every collected image with its decision and the reason."""
    from data_registry.csv_files import write_csv
    from flows.output.state_view import build_decisions_answer
    from flows.status.overview import build_decision_table

    with call.open_workspace() as workspace:
        table = build_decision_table(workspace.registry)
        if csv:
            write_csv(table, csv)
        return build_decisions_answer(table, csv)


@run_as_command()
def forecast_gains(call: Invocation) -> Answer:
    """Estimate what more answers, or more images of a class, would bring, and when to stop."""
    from flows.config.prerequisites import require_teacher

    with call.open_workspace() as workspace:
        require_teacher(workspace)
        with announce_model_loading(call.progress):
            from flows.config.model_settings import build_label_settings
            from flows.output.forecast_view import build_forecast_answer
            from labeling.forecast.forecast import forecast as look_ahead
        spec = build_label_settings(workspace).teacher
        return build_forecast_answer(look_ahead(workspace.registry, spec, call.progress))


@run_as_command(kept="Nothing was changed")
def verify_workspace(
    call: Invocation,
    version: Annotated[str, typer.Argument(help="A tag; by default every version.")] = "",
    blobs: Annotated[
        bool, typer.Option("--blobs", help="Also recompute the hash of every image.")
    ] = False,
) -> Answer:
    """Check every invariant on the stored data; exit code 1 if one is violated, each is listed."""
    with call.open_workspace() as workspace:
        return project_steps.verify_workspace(workspace, call.progress, version, blobs=blobs).answer


@run_as_command()
def find_reports(
    call: Invocation,
    run_id: Annotated[
        str,
        typer.Argument(
            help="A run's id, its first characters, or: champion. Default: all, newest last."
        ),
    ] = "",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="RUN RUN",
            help="Write a page that compares two runs (or: champion RUN).",
        ),
    ] = None,
) -> Answer:
    """List the HTML reports of the trainings, or write one that compares two runs."""
    from flows.config.prerequisites import require_runs
    from flows.output.state_view import build_pair_answer, build_report_answer
    from flows.reports.paths import find_report

    with call.open_workspace() as workspace:
        if compare:
            require_runs(workspace, compare)
            with announce_model_loading(call.progress):
                from flows.reports.pair_reporting import report_pair
            return build_pair_answer(report_pair(workspace, *compare))
        return build_report_answer(find_report(workspace.registry, run_id))
