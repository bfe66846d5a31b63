"""Sweeps of the project file: search a model's settings, then train the best like any model."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_registry.errors import InputError
from data_registry.progress import Progress, SilentProgress
from data_registry.storage.database_urls import build_sqlite_text_url
from data_registry.text.hashes import name_by_content, shorten_hash
from data_registry.versions.published_versions import find_version, load_complete_rows
from flows.config.model_settings import build_fit_config, build_model_spec
from flows.config.prerequisites import require_sweeps
from flows.config.sections.model_section import TrainModelSection, replace_values
from flows.config.sections.search_section import RangeSection, SweepSection
from flows.config.sections.setting import fill_record
from flows.config.sections.train_section import name_models
from flows.config.workspace import Workspace
from flows.reports.reporting import gather_trained_version, list_runs_of
from flows.training.fold_training import FoldTraining
from flows.training.model_results import ModelResult, build_model_result
from flows.training.training_data import build_dataset
from flows.training.training_steps import build_training_context, record_finished_runs, train_model
from train.data.dataset import Dataset
from train.data.pixel_cache import PixelCache
from train.experiments.arms import Arm
from train.experiments.cross_validation import Fitting, Fold, cross_validate
from train.experiments.sweep_settings import Choices, Range, SweepSettings
from train.experiments.sweeps import Sweep, Watch, run_sweep
from train.experiments.trials import measure_validation_loss
from train.tracking.context import TrainingContext

DATABASE = "sweeps.db"  # Optuna's, beside the registry's
_WARMING_UP = 4  # checks, of some 20, in which the learning rate climbs and losses say little

LossOf = Callable[[str, TrainModelSection, Watch], float]


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep found.

    Attributes:
        model: the table's name.
        objective: what its losses were measured on.
        sweep: every trial.
        best: the values that did best.
        trained: the model with these values, trained as `ephyra train` would.
    """

    model: str
    objective: str
    sweep: Sweep
    best: Mapping[str, Any]
    trained: ModelResult


def run_sweeps_stage(
    workspace: Workspace, version: str = "", progress: Progress | None = None
) -> list[Swept]:
    """Make every sweep of the project file, and train what each found best.

    Trials that were made before are not made again. They never see the test split.

    Raises:
        InputError: the file has no sweep, or a sweep found nothing.
    """
    progress = progress or SilentProgress()
    sweeps, models = workspace.project.train.sweeps, workspace.project.train.models
    require_sweeps(workspace)
    chosen = find_version(workspace.registry, version)
    rows = load_complete_rows(workspace.registry, chosen)
    dataset = build_dataset(workspace.registry, chosen, rows)
    context = build_training_context(workspace, chosen, progress)
    known = dict(zip(name_models(models), models, strict=True))
    results = []
    for section in sweeps:
        sweep = _search(workspace, context, dataset, section, known[section.model])
        best = replace_values(known[section.model], sweep.best.values)
        result = train_model(workspace, context, dataset, best)
        record_finished_runs(workspace.registry, list_runs_of(result))
        alone = gather_trained_version(workspace, chosen, rows, [result])
        trained = build_model_result(workspace, alone, best, result)
        results.append(
            Swept(
                model=section.model,
                objective=section.objective,
                sweep=sweep,
                best=sweep.best.values,
                trained=trained,
            )
        )
    return results


def _search(
    workspace: Workspace,
    context: TrainingContext,
    dataset: Dataset,
    section: SweepSection,
    model: TrainModelSection,
) -> Sweep:
    name = _build_name(dataset, section, model)
    with PixelCache(context.read, context.progress) as cache:
        loss_of = (
            _build_fold_loss(workspace, context, dataset, section)
            if section.objective == "folds"
            else _build_validation_loss(workspace, context, dataset, cache)
        )

        def measure_trial(number: int, values: Mapping[str, Any], watch: Watch) -> float:
            return loss_of(f"sweep-{name}-{number}", _apply_values(model, values), watch)

        return run_sweep(
            _build_storage_url(workspace),
            name,
            _build_settings(section),
            measure_trial,
            context.progress,
        )


def _build_validation_loss(
    workspace: Workspace, context: TrainingContext, dataset: Dataset, cache: PixelCache
) -> LossOf:
    def measure_loss(name: str, model: TrainModelSection, watch: Watch) -> float:
        spec, config = build_model_spec(workspace, model), build_fit_config(model)
        return measure_validation_loss(
            cache, context, dataset, spec, config, name=name, watch=watch
        )

    return measure_loss


def _build_fold_loss(
    workspace: Workspace, context: TrainingContext, dataset: Dataset, section: SweepSection
) -> LossOf:
    training = FoldTraining(workspace, dataset, section.folds, context.progress)
    training_of = training.select_training(dataset.version, Arm.WITH)

    def measure_loss(_: str, model: TrainModelSection, watch: Watch) -> float:
        done: list[Fold] = []

        def watch_fold(fold: Fold) -> None:
            done.append(fold)
            images = sum(fold_done.held_out for fold_done in done)
            watch(
                len(done),
                sum(fold_done.log_loss * fold_done.held_out for fold_done in done) / images,
            )

        fitting = Fitting(build_model_spec(workspace, model), build_fit_config(model))
        validated = cross_validate(context, fitting, training_of, training.folds, watch_fold)
        return validated.scores.log_loss

    return measure_loss


def _apply_values(model: TrainModelSection, values: Mapping[str, Any]) -> TrainModelSection:
    try:
        return replace_values(model, values)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"these values cannot stand together: {reason}") from error


def _build_settings(section: SweepSection) -> SweepSettings:
    return fill_record(
        SweepSettings,
        section,
        space={
            key: fill_record(Range, where) if isinstance(where, RangeSection) else Choices(where)
            for key, where in section.space.items()
        },
        patient_until=_WARMING_UP if section.objective == "validation" else 0,
    )


def _build_name(dataset: Dataset, section: SweepSection, model: TrainModelSection) -> str:
    """Build a name that is equal for sweeps that can continue each other."""
    others = section.model_dump(mode="json", exclude={"trials"})
    facts = [dataset.version, others, model.model_dump(mode="json")]
    digest = shorten_hash(name_by_content(json.dumps(facts, sort_keys=True)), 10)
    return f"{section.model.replace('/', '_').replace(' ', '_')}-{digest}"


def _build_storage_url(workspace: Workspace) -> str:
    """Build the URL of Optuna's database: in the workspace, else beside the project file."""
    local = workspace.registry.files.build_local_path(DATABASE)
    path: Path = local or workspace.resolve_path(DATABASE)
    return build_sqlite_text_url(path)
