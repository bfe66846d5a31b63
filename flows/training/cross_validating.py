"""Cross-validation as a part of training: every arm of a model on grouped folds of train."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from data_registry.progress import Progress
from flows.config.workspace import Workspace
from flows.shared.serialisation import make_plain
from flows.training.fold_training import FoldTraining
from train.data.dataset import Dataset
from train.evaluation.conclusions import describe_difference
from train.evaluation.intervals import Interval
from train.experiments.arms import Arm, Comparison
from train.experiments.champion_evaluation import compare_scores
from train.experiments.cross_validation import CrossValidation, Fold
from train.experiments.recipes import Recipe, group_runs
from train.experiments.runs import Run
from train.tracking.context import TrainingContext


@dataclass(frozen=True)
class CrossValidated:
    """What the folds say of one arm of a model.

    Attributes:
        runs: of the same recipe, trained on everything.
        images: held out, each once; people named them all.
        accuracy: on them, with its interval over groups.
        log_loss: on them.
        train_accuracy: mean over the folds, on what each learnt from.
        gap: the latter less the former: how far the model is over-fitted.
        folds: one by one.
        against_without: the arm with collected images, compared with the one without; else empty.
    """

    model: str
    arm: str
    runs: tuple[str, ...]
    images: int
    accuracy: Interval
    log_loss: float
    train_accuracy: float
    gap: float
    folds: tuple[Fold, ...]
    against_without: str


def cross_validate_runs(
    workspace: Workspace,
    workplace: TrainingContext,
    dataset: Dataset,
    results: Sequence[tuple[str, Comparison | Run]],
    progress: Progress,
) -> list[CrossValidated]:
    """Cross-validate what was trained, and keep the figures in ``cross_validation/``.

    Args:
        workspace: the project; `[train] folds` says how many.
        workplace: files, images, progress.
        dataset: the version.
        results: models' names and what training them gave.
        progress: told of the folds' own teachers.

    Raises:
        InputError: too few labelled groups to fold.
    """
    count = workspace.project.train.folds
    if not count:
        return []
    training = FoldTraining(workspace, dataset, count, progress)
    return [
        found
        for name, result in results
        for found in _cross_validate_model(workplace, training, name, result)
    ]


def _cross_validate_model(
    workplace: TrainingContext, training: FoldTraining, name: str, result: Comparison | Run
) -> list[CrossValidated]:
    recipes = group_runs(result.runs if isinstance(result, Comparison) else [result])
    found = {
        recipe.card.arm: (recipe, training.cross_validate(workplace, recipe)) for recipe in recipes
    }
    words = (
        _describe_difference(found[Arm.WITHOUT][1], found[Arm.WITH][1]) if len(found) > 1 else ""
    )
    return [
        _store_result(workplace, name, *found[arm], words if arm == Arm.WITH else "")
        for arm in sorted(found)
    ]


def _describe_difference(without: CrossValidation, with_collected: CrossValidation) -> str:
    answer, difference = compare_scores(with_collected.scores, without.scores)
    images = len(without.scores.sha256)
    words = describe_difference(difference, images, 1, "held-out training images")
    return f"{answer}: {words}"


def _store_result(
    workplace: TrainingContext, name: str, recipe: Recipe, found: CrossValidation, words: str
) -> CrossValidated:
    result = CrossValidated(
        model=name,
        arm=recipe.card.arm,
        runs=tuple(run.card.run_id for run in recipe.runs),
        images=len(found.scores.sha256),
        accuracy=found.accuracy,
        log_loss=found.scores.log_loss,
        train_accuracy=found.train_accuracy,
        gap=found.gap,
        folds=found.folds,
        against_without=words,
    )
    path = f"cross_validation/{recipe.key}-{len(found.folds)}.json"
    workplace.files.write(path, json.dumps(make_plain(result), indent=1).encode())
    return result
