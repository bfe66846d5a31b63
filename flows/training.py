"""The training stage: both arms of every model, their comparison and the report."""

from collections.abc import Sequence
from dataclasses import dataclass

from data_registry.errors import InputError
from data_registry.progress import Progress, Silent
from data_registry.registry import Registry
from data_registry.runs import RunRow, record_runs, record_test_reading
from data_registry.versions import Version, complete_rows, find_version
from flows.cross_validating import CrossValidated, cross_validate_runs
from flows.model_results import ModelResult, model_result
from flows.model_settings import fit_config, model_spec, tracking
from flows.reporting import runs_of
from flows.train_section import TrainModelSection, model_names
from flows.training_data import dataset_of
from flows.workspace import Workspace
from train.arms import Comparison, compare_arms
from train.data import Dataset
from train.runs import Run
from train.training import train_one
from train.workplace import OnTestReading, Workplace


@dataclass(frozen=True)
class Trained:
    """What the training stage found.

    Attributes:
        version: the tag trained on.
        test_images: images of the test split.
        comparisons: one a model.
        warnings: what the test set is too small for.
        cross_validated: each arm of each model on folds of train, where `[train] folds` asks so.
    """

    version: str
    test_images: int
    comparisons: tuple[ModelResult, ...]
    warnings: tuple[str, ...]
    cross_validated: tuple[CrossValidated, ...] = ()


def train_stage(
    workspace: Workspace, version: str = "", progress: Progress | None = None
) -> Trained:
    """Train every model of the project file without and with the collected images.

    Raises:
        InputError: no version or no model yet, or splits that are empty.
        WeightsError: a model's weights cannot be had.
    """
    progress = progress or Silent()
    models = workspace.project.train.models
    if not models:
        raise InputError(
            "the project names no model: add a [[train.models]] table with a name to ephyra.toml"
        )
    chosen = find_version(workspace.registry, version)
    rows = complete_rows(workspace.registry, chosen)
    dataset = dataset_of(chosen, rows)
    workplace = training_place(workspace, chosen, progress)
    results = [train_model(workspace, workplace, dataset, model) for model in models]
    record(workspace.registry, [run for result in results for run in runs_of(result)])
    named = list(zip(model_names(models), results, strict=True))
    return Trained(
        version=chosen.tag,
        test_images=len(dataset.test),
        comparisons=tuple(
            model_result(workspace, chosen, rows, model, result)
            for model, result in zip(models, results, strict=True)
        ),
        warnings=tuple(dict.fromkeys(w for r in results for w in _warnings(r))),
        cross_validated=tuple(cross_validate_runs(workspace, workplace, dataset, named, progress)),
    )


def training_place(workspace: Workspace, version: Version, progress: Progress) -> Workplace:
    """What trainings on a version work with; their readings of its test split are logged."""
    return Workplace(
        workspace.registry.files,
        workspace.registry.read_image,
        _reading_logger(workspace.registry, version),
        progress,
        tracking(workspace),
    )


def record(registry: Registry, finished: Sequence[Run]) -> None:
    """Keep runs in the registry; those that are there already are passed over."""
    record_runs(registry, [_row(run) for run in finished])


def train_model(
    workspace: Workspace, workplace: Workplace, dataset: Dataset, model: TrainModelSection
) -> Comparison | Run:
    """Both arms of a model and their comparison; a single run where nothing was collected."""
    spec, config = model_spec(workspace, model), fit_config(model)
    if not dataset.collected:
        return train_one(workplace, dataset, spec, config)
    return compare_arms(
        workplace,
        dataset,
        spec,
        config,
        seeds=workspace.project.train.seeds,
        target=workspace.project.goal.accuracy,
    )


def _reading_logger(registry: Registry, version: Version) -> OnTestReading:
    def log(run_id: str, purpose: str, image_count: int) -> None:
        record_test_reading(registry, run_id, version.version_hash, purpose, image_count)

    return log


def _row(run: Run) -> RunRow:
    card = run.card
    metrics = {"val": run.val.as_dict(), "test": run.test.as_dict()}
    return RunRow(card.run_id, card.version, card.spec.name, card.arm, card.config.seed, metrics)


def _warnings(result: Comparison | Run) -> tuple[str, ...]:
    return result.warnings if isinstance(result, Comparison) else ()
