"""The stages as Prefect tasks.

A task takes only the project's folder, and opens the project itself. It is idempotent: the
registry's keys skip what is done. A task is retried after a storage error; any other error fails
the run at once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from data_registry.errors import RuleError, StorageError
from data_registry.verification.verify import verify
from flows.config.settings import build_radii
from flows.config.workspace import open_workspace
from flows.orchestration.artifacts import show_artifacts, show_contact_sheet
from flows.orchestration.parameters import CollectAndLabelParameters
from flows.output.champion_view import build_decision_answer
from flows.output.collection_view import build_collect_answer
from flows.output.group_view import build_grouping_answer
from flows.output.import_view import build_import_answer
from flows.output.label_view import build_round_answer
from flows.output.state_view import build_verify_answer
from flows.output.train_view import build_training_answer
from flows.output.version_view import build_merge_answer
from flows.shared.progress_bars import get_current_progress
from flows.shared.serialisation import make_plain, make_plain_record
from flows.stages.stages import collect_stage, group_stage, import_stage, label_stage, merge_stage
from flows.status.next_step import count_waiting_by_reason

Found = dict[str, Any]


def _store_failed(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, StorageError)


_PATIENT: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [2, 10],
    "retry_condition_fn": _store_failed,
}


@task(name="import", **_PATIENT)
def import_task(project: Path, labelled_set: Path) -> Found:
    """Import a labelled set."""
    with open_workspace(project) as workspace:
        imported = import_stage(workspace, labelled_set, get_current_progress())
        show_artifacts(workspace, "import", build_import_answer(imported))
        return make_plain_record(imported)


@task(name="collect", **_PATIENT)
def collect_task(project: Path) -> Found:
    """Collect images."""
    with open_workspace(project) as workspace:
        summaries = collect_stage(workspace, get_current_progress())
        show_artifacts(workspace, "collect", build_collect_answer(summaries))
        return {"providers": make_plain(summaries)}


@task(name="embed", **_PATIENT)
def embed_shard(project: Path, sha256s: Sequence[str]) -> int:
    """Compute the features of a shard of images."""
    from flows.stages.embedding import embed_images

    with open_workspace(project) as workspace:
        return embed_images(workspace, list(sha256s))


@task(name="group", **_PATIENT)
def group_task(project: Path) -> Found:
    """Find duplicates and group them."""
    with open_workspace(project) as workspace:
        groups = group_stage(workspace, get_current_progress())
        show_artifacts(workspace, "group", build_grouping_answer(groups))
        return make_plain_record(groups)


@task(name="label", **_PATIENT)
def label_task(parameters: CollectAndLabelParameters) -> Found:
    """Label the pool with the teacher."""
    with open_workspace(parameters.project) as workspace:
        summary = label_stage(workspace, get_current_progress(), parameters.threshold)
        waiting = count_waiting_by_reason(workspace.registry)
        show_artifacts(workspace, "label", build_round_answer(summary, waiting))
        show_contact_sheet(workspace)
        return make_plain_record(summary)


@task(name="merge", **_PATIENT)
def merge_task(project: Path) -> Found:
    """Publish a version."""
    with open_workspace(project) as workspace:
        version = merge_stage(workspace, get_current_progress())
        show_artifacts(workspace, "merge", build_merge_answer(version))
        return make_plain_record(version)


@task(name="verify", **_PATIENT)
def verify_task(project: Path) -> Found:
    """Verify the invariants on the stored data; a violation fails the run.

    Raises:
        RuleError: names every violation.
    """
    with open_workspace(project) as workspace:
        verified = verify(
            workspace.registry, build_radii(workspace), progress=get_current_progress()
        )
        if verified.breaches:
            named = "; ".join(f"{item.rule}: {item.detail}" for item in verified.breaches)
            raise RuleError(
                f"{len(verified.breaches)} rules are broken, nothing was trained: {named}. "
                "`ephyra verify` lists the images"
            )
        show_artifacts(workspace, "verify", build_verify_answer(verified))
        return make_plain_record(verified)


@task(name="train", **_PATIENT)
def train_task(project: Path) -> Found:
    """Train both arms of every model, compare them, and write reports."""
    from flows.training.train_stage import train_stage

    with open_workspace(project) as workspace:
        trained = train_stage(workspace, "", get_current_progress())
        show_artifacts(workspace, "train", build_training_answer(trained))
        return make_plain_record(trained)


@task(name="decide", **_PATIENT)
def decide_task(project: Path) -> Found:
    """Decide about the champion, and calibrate its probabilities."""
    from flows.champion.champion_calibration import calibrate_stage
    from flows.champion.decision import decide_stage

    with open_workspace(project) as workspace:
        decided = decide_stage(workspace, "", get_current_progress())
        calibrate_stage(workspace, get_current_progress())
        show_artifacts(workspace, "decide", build_decision_answer(decided))
        return make_plain_record(decided)
