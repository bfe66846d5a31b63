"""Steps that every training of the project takes: a place to work, both arms, the registry."""

from collections.abc import Sequence
from dataclasses import asdict

from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.runs.run_records import RunRow, record_runs, record_test_reading
from data_registry.versions.published_versions import Version
from data_registry.vocabulary import Split
from flows.config.model_settings import build_fit_config, build_model_spec, build_tracking
from flows.config.sections.model_section import TrainModelSection
from flows.config.workspace import Workspace
from train.data.dataset import Dataset
from train.experiments.arms import Comparison, compare_arms
from train.experiments.runs import Run
from train.experiments.train_run import train_one
from train.reports.coarse import build_coarse_dataset
from train.tracking.context import OnTestReading, TrainingContext


def build_training_context(
    workspace: Workspace, version: Version, progress: Progress
) -> TrainingContext:
    """Build the context of trainings on a version; it logs each reading of the test split."""
    return TrainingContext(
        files=workspace.registry.files,
        read=workspace.registry.read_image,
        on_test_reading=_build_reading_logger(workspace.registry, version),
        progress=progress,
        tracking=build_tracking(workspace),
        devices=workspace.project.train.devices,
    )


def record_finished_runs(registry: Registry, finished: Sequence[Run]) -> None:
    """Keep runs in the registry; those that are there already are passed over."""
    record_runs(registry, [_build_row(run) for run in finished])


def train_model(
    workspace: Workspace, context: TrainingContext, dataset: Dataset, model: TrainModelSection
) -> Comparison | Run:
    """Train and compare both arms of a model; train one run where nothing was collected."""
    spec, config = build_model_spec(workspace, model), build_fit_config(model)
    if model.learns == "groups":
        dataset = build_coarse_dataset(dataset, workspace.project.group_of_class)
    if not dataset.collected:
        return train_one(context, dataset, spec, config)
    return compare_arms(
        context,
        dataset,
        spec,
        config,
        seeds=workspace.project.train.seeds,
        target=workspace.project.goal.accuracy,
    )


def _build_reading_logger(registry: Registry, version: Version) -> OnTestReading:
    def log(run_id: str, purpose: str, image_count: int) -> None:
        record_test_reading(registry, run_id, version.version_hash, purpose, image_count)

    return log


def _build_row(run: Run) -> RunRow:
    card = run.card
    metrics = {Split.VAL.value: asdict(run.val), Split.TEST.value: asdict(run.test)}
    return RunRow(
        run_id=card.run_id,
        version_hash=card.version,
        model=card.spec.name,
        arm=card.arm,
        seed=card.config.seed,
        metrics=metrics,
    )
