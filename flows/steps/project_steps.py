"""The steps of a project: `ephyra` and a notebook's `Workspace` both call these.

A step checks what it needs before it loads PyTorch, does the work on an opened workspace, and
returns its record together with the answer to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.shared.loading import announce_model_loading
from flows.steps.result import Result

if TYPE_CHECKING:
    from collectors.ledger import CollectSummary
    from data_registry.progress import Progress
    from data_registry.verification.verify import Verification
    from data_registry.versions.published_versions import Version
    from flows.config.workspace import Workspace
    from flows.prediction.predicting import FilePrediction
    from flows.reports.labelling.labelling_stage import LabelledRound
    from flows.stages.reviewing import ReviewRequest, ReviewState
    from flows.stages.stages import Imported
    from flows.training.train_stage import Trained


def import_labelled_set(workspace: Workspace, folder: Path, progress: Progress) -> Result[Imported]:
    """Import a labelled set and publish a version of it.

    Raises:
        LabelledSetError: the folder is no labelled set, or has classes the project does not know.
    """
    from flows.output.import_view import build_import_answer
    from flows.stages.stages import import_stage

    imported = import_stage(workspace, folder, progress)
    return Result(imported, build_import_answer(imported))


def collect_images(
    workspace: Workspace, progress: Progress, *, only_failed: bool = False
) -> Result[tuple[CollectSummary, ...]]:
    """Ask every provider for images, or only retry failures that may succeed now.

    Raises:
        InputError: the project names no provider.
        ProviderError: a provider cannot give candidates; raised once all the others were asked.
    """
    from flows.output.collection_view import build_collect_answer
    from flows.stages.stages import collect_stage, retry_stage

    summaries = (retry_stage if only_failed else collect_stage)(workspace, progress)
    return Result(summaries, build_collect_answer(summaries))


def label_pool(
    workspace: Workspace, progress: Progress, threshold: float | None = None
) -> Result[LabelledRound]:
    """Find duplicates, train the teacher, and accept, reject or queue each image.

    Raises:
        InputError: nothing was imported yet, or the threshold is no probability.
        WeightsError: the weights of a teacher cannot be had.
    """
    from flows.config.prerequisites import require_teacher
    from flows.output.label_view import build_label_answer
    from flows.stages.stages import group_stage, label_stage
    from flows.status.next_step import count_waiting_by_reason

    require_teacher(workspace)
    with announce_model_loading(progress):
        import flows.config.model_settings  # noqa: F401  # what both stages load
    groups = group_stage(workspace, progress)
    labelled = label_stage(workspace, progress, threshold)
    waiting = count_waiting_by_reason(workspace.registry)
    return Result(labelled, build_label_answer(groups, labelled, waiting))


def review_images(
    workspace: Workspace, request: ReviewRequest, *, asks_for_retrain: bool = False
) -> Result[ReviewState]:
    """Read answers, draw an audit, write a sheet: whatever was requested.

    Args:
        workspace: the project.
        request: what the person wants.
        asks_for_retrain: whether new answers make a running server start the flow `retrain`.

    Raises:
        AnswerFileError: an image or a class is unknown; nothing was recorded.
    """
    from flows.output.review_view import build_review_answer
    from flows.stages.reviewing import review_stage

    state = review_stage(workspace, request)
    asked = _ask_for_retrain(workspace, state) if asks_for_retrain else ""
    return Result(state, build_review_answer(state, asked))


def _ask_for_retrain(workspace: Workspace, state: ReviewState) -> str:
    from flows.deployments.retrain_request import ask_for_retrain, is_retrain_wanted

    if state.taken and (state.taken.new or is_retrain_wanted(workspace.folder)):
        return ask_for_retrain(workspace.folder)
    return ""


def merge_version(workspace: Workspace, progress: Progress) -> Result[Version]:
    """Publish a new version, checked for leaks between splits.

    Raises:
        InputError: nothing was imported yet.
    """
    from flows.output.version_view import build_merge_answer
    from flows.stages.stages import merge_stage

    version = merge_stage(workspace, progress)
    return Result(version, build_merge_answer(version))


def train_models(workspace: Workspace, progress: Progress, version: str = "") -> Result[Trained]:
    """Train each model without and with the collected images, and decide on the champion.

    Raises:
        InputError: the project names no model, or there is no such version.
        WeightsError: a model's weights cannot be had.
    """
    from flows.config.prerequisites import require_training

    require_training(workspace, version)
    with announce_model_loading(progress):
        from flows.champion.champion_calibration import calibrate_stage
        from flows.champion.decision import decide_stage
        from flows.output.train_view import build_train_answer
        from flows.training.train_stage import train_stage
    trained = train_stage(workspace, version, progress)
    decided = decide_stage(workspace, version, progress)
    calibrate_stage(workspace, progress)
    return Result(trained, build_train_answer(trained, decided))


def verify_workspace(
    workspace: Workspace, progress: Progress, version: str = "", *, blobs: bool = False
) -> Result[Verification]:
    """Check every invariant on the stored data; the result is false where one is violated.

    Raises:
        InputError: there is no such version.
    """
    from data_registry.verification.verify import verify
    from data_registry.versions.published_versions import find_version
    from flows.config.settings import build_radii
    from flows.output.state_view import build_verify_answer

    tag = find_version(workspace.registry, version).tag if version else ""
    verified = verify(workspace.registry, build_radii(workspace), tag, blobs, progress)
    return Result(verified, build_verify_answer(verified))


def predict_images(
    workspace: Workspace,
    images: Sequence[str],
    progress: Progress,
    *,
    top: int = 3,
    csv: Path | None = None,
) -> Result[list[FilePrediction]]:
    """Predict with the champion: calibrated probabilities, or "none of these".

    Args:
        workspace: the project.
        images: files, folders or addresses.
        progress: reports the images.
        top: how many classes to list for each image.
        csv: a file to write the predictions to.

    Raises:
        InputError: there is no champion, or a file is missing.
    """
    from data_registry.runs.champions import require_champion
    from flows.config.prerequisites import require_teacher
    from flows.prediction.inputs import require_images

    require_champion(workspace.registry)
    require_teacher(workspace)
    require_images(images)
    with announce_model_loading(progress):
        from data_registry.csv_files import write_csv
        from flows.prediction.predicting import build_prediction_table, predict_all
        from flows.prediction.prediction_view import build_predict_answer
    predictions = predict_all(workspace, images, progress)
    if csv:
        write_csv(build_prediction_table(predictions, top), csv)
    return Result(predictions, build_predict_answer(predictions, top, csv))
