"""Ensembles of the project file: their members are trained, asked together, and compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from data_registry.progress import Progress
from flows.config.model_settings import build_fit_config, build_model_spec
from flows.config.sections.model_section import TrainModelSection
from flows.config.sections.search_section import EnsembleSection
from flows.config.sections.train_section import name_models
from flows.config.workspace import Workspace
from flows.training.fold_training import FoldTraining
from flows.training.training_steps import record_finished_runs
from train.data.dataset import Dataset
from train.experiments.arms import Arm, Comparison
from train.experiments.cross_validation import Fitting
from train.experiments.ensemble_members import (
    Member,
    train_bagged_members,
    train_fold_members,
    train_snapshots,
)
from train.experiments.ensembles import Ensemble, evaluate_ensemble
from train.experiments.runs import Run
from train.tracking.context import TrainingContext

Results = Mapping[str, Comparison | Run]


@dataclass(frozen=True)
class Ensembled:
    """An ensemble of the project file.

    Attributes:
        models: the tables it is made of.
        found: what it and its members are worth.
    """

    models: tuple[str, ...]
    found: Ensemble


def train_ensembles(
    workspace: Workspace,
    context: TrainingContext,
    dataset: Dataset,
    results: Results,
    progress: Progress,
) -> list[Ensembled]:
    """Make every ensemble of the project file, of all training images, collected ones included.

    Their members are kept in the registry, as runs that may not become champion by themselves.

    Args:
        workspace: the project.
        context: files, images, callbacks.
        dataset: the version.
        results: what training the models gave, by the tables' names.
        progress: told of the folds' own teachers.

    Raises:
        InputError: too few steps for snapshots, or too few groups for folds.
    """
    models = workspace.project.train.models
    known = dict(zip(name_models(models), models, strict=True))
    ensembles = []
    for section in workspace.project.train.ensembles:
        if section.kind == "vote":
            members = [Member(_choose_run(results[name])) for name in section.models]
        else:
            (name,) = section.models
            training = _MemberTraining(
                workspace=workspace,
                context=context,
                dataset=dataset,
                section=section,
                progress=progress,
            )
            members = training.train_members(known[name])
        record_finished_runs(workspace.registry, [member.run for member in members])
        ensemble = evaluate_ensemble(context, dataset, section.kind, members)
        ensembles.append(Ensembled(section.models, ensemble))
    return ensembles


def _choose_run(result: Comparison | Run) -> Run:
    """Choose the run of the first seed, with the collected images if there are any."""
    return result.with_collected.runs[0] if isinstance(result, Comparison) else result


@dataclass(frozen=True, kw_only=True)
class _MemberTraining:
    workspace: Workspace
    context: TrainingContext
    dataset: Dataset
    section: EnsembleSection
    progress: Progress

    def train_members(self, model: TrainModelSection) -> list[Member]:
        fitting = Fitting(build_model_spec(self.workspace, model), build_fit_config(model))
        kinds: Mapping[str, Callable[[Fitting], list[Member]]] = {
            "bagging": self._train_bagged,
            "folds": self._train_on_folds,
            "snapshots": self._train_snapshots,
        }
        return kinds[self.section.kind](fitting)

    def _train_bagged(self, fitting: Fitting) -> list[Member]:
        count, seed = self.section.members, self.section.seed
        return train_bagged_members(self.context, self.dataset, fitting, count=count, seed=seed)

    def _train_on_folds(self, fitting: Fitting) -> list[Member]:
        training = FoldTraining(self.workspace, self.dataset, self.section.members, self.progress)
        return train_fold_members(
            self.context,
            self.dataset,
            fitting,
            folds=training.folds,
            training_of=training.select_training(self.dataset.version, Arm.WITH),
        )

    def _train_snapshots(self, fitting: Fitting) -> list[Member]:
        return train_snapshots(self.context, self.dataset, fitting, count=self.section.members)
