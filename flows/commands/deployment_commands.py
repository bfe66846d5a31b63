"""Deployments: `deploy` and `up`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.run_as_command import Invocation, run_as_command
from flows.output.answer import (
    Answer,
    JsonOption,
    ProjectOption,
    add_warnings,
    exit_on_errors,
    open_progress,
    require_project,
    show,
)
from flows.shared.loading import announce_flow_loading

SuffixOption = Annotated[
    str, typer.Option(help="Distinguishes projects on one server: collect-and-label-SUFFIX.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("deploy", epilog="Example: ephyra deploy")(deploy_flows)
    app.command("up", epilog="Example: ephyra up")(run_deployment)


@run_as_command()
def deploy_flows(call: Invocation, suffix: SuffixOption = "") -> Answer:
    """Deploy both flows to the Prefect server: work pool, schedules, one run at a time."""
    from data_registry.own_packages import describe_hiding_files

    with announce_flow_loading(call.progress):
        from flows.deployments.deploying import deploy as put
        from flows.deployments.deployment_view import build_deploy_answer
    return add_warnings(
        build_deploy_answer(put(call.project, suffix)), describe_hiding_files(call.project)
    )


def run_deployment(
    site_port: Annotated[int, typer.Option(help="Port of the review site and reports.")] = 4201,
    suffix: SuffixOption = "",
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Run server, worker, review site and reports on this machine until Ctrl-C stops them."""

    with exit_on_errors(as_json):
        require_project(project)  # before Prefect, which takes seconds to load
        with open_progress(as_json) as progress, announce_flow_loading(progress):
            from flows.deployments.deployment_view import build_up_answer
            from flows.deployments.up import run_project as start

        def say(line: str) -> None:
            if not as_json:  # whose answer is one object
                show(False, Answer({}, [f"{datetime.now():%H:%M:%S} {line}"]))

        start(project, site_port, suffix, lambda state: show(as_json, build_up_answer(state)), say)
