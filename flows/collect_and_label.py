"""The flow `collect-and-label`: from a labelled set and the web to a better model."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from data_registry.errors import BusyError
from flows.orchestration.flow_run import Stage, compute_features_in_shards, hold_project, run_stages
from flows.orchestration.parameters import CollectAndLabelParameters
from flows.orchestration.tasks import (
    Found,
    collect_task,
    decide_task,
    group_task,
    import_task,
    label_task,
    merge_task,
    train_task,
    verify_task,
)


@flow(name="collect-and-label")
def collect_and_label(
    parameters: CollectAndLabelParameters = CollectAndLabelParameters(),  # noqa: B008
) -> Found | State[Any]:
    """Import, collect, embed and group, label, merge, verify, train, decide about the champion.

    Args:
        parameters: the project, and what differs from its file.

    Returns:
        What each stage found, by the stage's name, and under ``seconds`` how long each took; a
        cancelled state where another flow is at work on the workspace.
    """
    project = parameters.project
    stages: dict[str, Stage] = {}
    if parameters.labelled_set is not None:
        stages["import"] = partial(import_task, project, parameters.labelled_set)
    stages |= {
        "collect": partial(collect_task, project),
        "embed": partial(compute_features_in_shards, project),
        "group": partial(group_task, project),
        "label": partial(label_task, parameters),
        "merge": partial(merge_task, project),
        "verify": partial(verify_task, project),
        "train": partial(train_task, project),
        "decide": partial(decide_task, project),
    }
    try:
        with hold_project(project):
            return run_stages(stages)
    except BusyError as error:
        return Cancelled(message=str(error))
