"""The flow `retrain`: new answers become a version, models, and a decision about the champion."""

from functools import partial
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from data_registry.errors import BusyError
from flows.config.workspace import open_workspace
from flows.orchestration.flow_run import hold_project, run_stages
from flows.orchestration.parameters import RetrainParameters
from flows.orchestration.tasks import Found, decide_task, merge_task, train_task, verify_task
from flows.status.due import find_retrain_reason

NOTHING_NEW = "nothing new was answered, collected or imported since the newest version was trained"


@flow(name="retrain")
def retrain(
    parameters: RetrainParameters = RetrainParameters(),  # noqa: B008
) -> Found | State[Any]:
    """Merge, verify, train, decide; ends at once where nothing is new.

    Args:
        parameters: the project.

    Returns:
        What each stage found, by the stage's name; an empty completed state where nothing is new,
        a cancelled one where another flow is at work on the workspace.
    """
    project = parameters.project
    try:
        with hold_project(project):
            with open_workspace(project) as workspace:
                due = find_retrain_reason(workspace)
            if not due and not parameters.even_without_answers:
                return Completed(message=NOTHING_NEW, data={})
            get_run_logger().info("retraining: %s", due or "asked for without anything new")
            return run_stages(
                {
                    "merge": partial(merge_task, project),
                    "verify": partial(verify_task, project),
                    "train": partial(train_task, project),
                    "decide": partial(decide_task, project),
                }
            )
    except BusyError as error:
        return Cancelled(message=str(error))
