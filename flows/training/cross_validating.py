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


@dataclass(frozen=True, kw_only=True)
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
    context: TrainingContext,
    dataset: Dataset,
    results: Sequence[tuple[str, Comparison | Run]],
    progress: Progress,
) -> list[CrossValidated]:
    """Cross-validate what was trained, and keep the figures in ``cross_validation/``.

    Args:
        workspace: the project; `[train] folds` says how many.
        context: files, images, progress.
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
        arm
        for name, result in results
        for arm in _cross_validate_model(context, training, name, result)
    ]


def _cross_validate_model(
    context: TrainingContext, training: FoldTraining, name: str, result: Comparison | Run
) -> list[CrossValidated]:
    recipes = group_runs(result.runs if isinstance(result, Comparison) else [result])
    by_arm = {
        recipe.card.arm: (recipe, training.cross_validate(context, recipe)) for recipe in recipes
    }
    comparison = (
        _describe_difference(by_arm[Arm.WITHOUT][1], by_arm[Arm.WITH][1]) if len(by_arm) > 1 else ""
    )
    return [
        _store_result(context, name, *by_arm[arm], comparison if arm == Arm.WITH else "")
        for arm in sorted(by_arm)
    ]


def _describe_difference(without: CrossValidation, with_collected: CrossValidation) -> str:
    answer, difference = compare_scores(with_collected.scores, without.scores)
    images = len(without.scores.sha256)
    sentence = describe_difference(difference, images, 1, "held-out training images")
    return f"{answer}: {sentence}"


def _store_result(
    context: TrainingContext, name: str, recipe: Recipe, folds: CrossValidation, comparison: str
) -> CrossValidated:
    result = CrossValidated(
        model=name,
        arm=recipe.card.arm,
        runs=tuple(run.card.run_id for run in recipe.runs),
        images=len(folds.scores.sha256),
        accuracy=folds.accuracy,
        log_loss=folds.scores.log_loss,
        train_accuracy=folds.train_accuracy,
        gap=folds.gap,
        folds=folds.folds,
        against_without=comparison,
    )
    path = f"cross_validation/{recipe.key}-{len(folds.folds)}.json"
    context.files.write(path, json.dumps(make_plain(result), indent=1).encode())
    return result
