"""The training stage: both arms of every model, their comparison and the report."""

from collections.abc import Sequence
from dataclasses import dataclass

from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.versions.published_versions import find_version, load_complete_rows
from flows.config.prerequisites import require_training
from flows.config.sections.train_section import name_models
from flows.config.workspace import Workspace
from flows.reports.reporting import TrainedVersion, gather_trained_version, list_runs_of
from flows.training.cross_validating import CrossValidated, cross_validate_runs
from flows.training.ensembling import Ensembled, train_ensembles
from flows.training.model_results import ModelResult, build_model_result
from flows.training.training_data import build_dataset
from flows.training.training_steps import build_training_context, record_finished_runs, train_model
from train.data.dataset import Dataset
from train.experiments.arms import Comparison
from train.experiments.runs import Run
from train.tracking.context import TrainingContext


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What the training stage found.

    Attributes:
        version: the tag trained on.
        test_images: images of the test split.
        comparisons: one a model.
        warnings: what the test set is too small for.
        cross_validated: each arm of each model on folds of train, where `[train] folds` asks so.
        ensembles: those of the project file, compared with their members.
    """

    version: str
    test_images: int
    comparisons: tuple[ModelResult, ...]
    warnings: tuple[str, ...]
    cross_validated: tuple[CrossValidated, ...] = ()
    ensembles: tuple[Ensembled, ...] = ()


def train_stage(
    workspace: Workspace, version: str = "", progress: Progress | None = None
) -> Trained:
    """Train every model of the project file without and with the collected images.

    Raises:
        InputError: no version or no model yet, or splits that are empty.
        WeightsError: a model's weights cannot be had.
    """
    progress = progress or SilentProgress()
    models = workspace.project.train.models
    require_training(workspace, version)
    chosen = find_version(workspace.registry, version)
    rows = load_complete_rows(workspace.registry, chosen)
    dataset = build_dataset(workspace.registry, chosen, rows)
    context = build_training_context(workspace, chosen, progress)
    results = _train_models(workspace, context, dataset)
    tables = zip(models, name_models(models), results, strict=True)
    of_classes = [(name, result) for model, name, result in tables if model.learns == "classes"]
    with report_phase(progress, "comparing models", None):
        trained = gather_trained_version(workspace, chosen, rows, results)
    ensembles = train_ensembles(workspace, context, dataset, dict(of_classes), progress)
    return Trained(
        version=chosen.tag,
        test_images=len(dataset.test),
        comparisons=_write_reports(workspace, trained, results, progress),
        warnings=tuple(dict.fromkeys(w for r in results for w in _list_warnings(r))),
        cross_validated=tuple(
            cross_validate_runs(workspace, context, dataset, of_classes, progress)
        ),
        ensembles=tuple(ensembles),
    )


def _train_models(
    workspace: Workspace, context: TrainingContext, dataset: Dataset
) -> list[Comparison | Run]:
    models = workspace.project.train.models
    results = []
    for model, name in zip(models, name_models(models), strict=True):
        with report_phase(context.progress, name, None):
            results.append(train_model(workspace, context, dataset, model))
    runs = [run for result in results for run in list_runs_of(result)]
    record_finished_runs(workspace.registry, runs)
    return results


def _write_reports(
    workspace: Workspace,
    trained: TrainedVersion,
    results: Sequence[Comparison | Run],
    progress: Progress,
) -> tuple[ModelResult, ...]:
    models = workspace.project.train.models
    written = []
    with report_phase(progress, "writing reports", len(models)):
        for model, result in zip(models, results, strict=True):
            written.append(build_model_result(workspace, trained, model, result))
            progress.advance()
    return tuple(written)


def _list_warnings(result: Comparison | Run) -> tuple[str, ...]:
    return result.warnings if isinstance(result, Comparison) else ()
