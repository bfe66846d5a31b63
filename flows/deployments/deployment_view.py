"""The answers of `deploy` and `up`."""

from flows.deployments.deploying import Deployed
from flows.deployments.up import Up
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_table


def build_deploy_answer(deployed: Deployed) -> Answer:
    """Build the answer of `deploy`."""
    drawn = build_table("deployment", "schedule", wide=["deployment"])
    for name, cron in deployed.schedules.items():
        drawn.add_row(name, cron or "only when asked")
    name = next(iter(deployed.schedules)).split("/")[1]
    lines = [
        f"on {deployed.api}, work pool {deployed.pool}",
        f"start one: prefect deployment run {name}",
        f"start a worker: `ephyra up`, or prefect worker start --pool {deployed.pool}",
    ]
    if deployed.asks_for_no_secret:
        lines.append(
            "warning: this server requires no secret: everybody who can reach it, web pages "
            "included, can run commands; start it with PREFECT_SERVER_API_AUTH_STRING, or let "
            "`ephyra up` start it"
        )
    return Answer(make_plain(deployed), [drawn, *lines])


def build_up_answer(state: Up) -> Answer:
    """Build the answer of `up`, once everything runs."""
    server = "started" if state.own_server else "was running already"
    name = next(iter(state.deployed.schedules)).split("/")[1]
    lines = [
        f"Prefect:          {state.ui} ({server})",
        *([f"  sign in with:   the text in {state.secret_file}"] if state.secret_file else []),
        f"review, reports:  {state.site}",
        f"start a round:    prefect deployment run {name}",
        *(f"marked crashed: {run}; prefect flow-run retry {run}" for run in state.orphans),
        f"details:          {state.logs}",
        "Ctrl-C stops everything",
    ]
    return Answer(make_plain(state), lines)
