"""The contest for the title: rivals scored on the same images, never on test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_registry.progress import Progress
from flows.config.workspace import Workspace
from flows.training.fold_training import FoldTraining
from train.data.dataset import Dataset
from train.experiments.champion_evaluation import (
    RecipeScores,
    evaluate_on_validation,
    stack_scores,
)
from train.experiments.recipes import Recipe
from train.tracking.context import TrainingContext

VALIDATION = "validation"
CROSS_VALIDATION = "grouped cross-validation"
NO_CONTEST = "no contest"
REPEATS = 3  # of the folds that confirm a promotion


@dataclass(frozen=True)
class Contest:
    """The recipes that compete, and how they did."""

    basis: str
    scores: Mapping[str, RecipeScores] = field(default_factory=dict)  # by the recipe's key

    @property
    def images(self) -> int:
        """How many images it rests on; 0 without a contest."""
        return next((len(scores.sha256) for scores in self.scores.values()), 0)

    @property
    def kind_of_images(self) -> str:
        """What the images are, for a sentence."""
        held_out = "held-out training images"
        return held_out if self.basis == CROSS_VALIDATION else "validation images"

    def rank(self, recipes: Sequence[Recipe]) -> list[Recipe]:
        """Rank recipes, the lowest log-loss first."""
        if not self.scores:
            return list(recipes)
        return sorted(recipes, key=lambda recipe: (self.scores[recipe.key].log_loss, recipe.key))


def hold_contest(
    workspace: Workspace, dataset: Dataset, rivals: Sequence[Recipe], progress: Progress
) -> Contest:
    """Score the rivals on validation, or on held-out folds of train where validation is small."""
    if len(rivals) < 2:
        return Contest(NO_CONTEST)
    registry = workspace.registry
    context = TrainingContext(files=registry.files, read=registry.read_image, progress=progress)
    # A distilled champion, promoted by hand, cannot be made again in folds from its settings.
    made_otherwise = any(recipe.card.made for recipe in rivals)
    if made_otherwise or len(dataset.val) >= workspace.project.promote.least_validation:
        scores = {recipe.key: evaluate_on_validation(context, recipe, dataset) for recipe in rivals}
        return Contest(VALIDATION, scores)
    return Contest(CROSS_VALIDATION, _score_on_folds(workspace, dataset, rivals, progress, seed=0))


def repeat_on_other_folds(
    workspace: Workspace, dataset: Dataset, rivals: Sequence[Recipe], progress: Progress
) -> Contest:
    """Score two rivals again on folds dealt otherwise, from other weights, `REPEATS` times.

    The folds that chose the best challenger cannot show that it is better: it was chosen for
    having been lucky there, and a single fit says nothing of how much fits vary.
    """
    repeats = [
        _score_on_folds(workspace, dataset, rivals, progress, seed=seed)
        for seed in range(1, REPEATS + 1)
    ]
    scores = {recipe.key: stack_scores([each[recipe.key] for each in repeats]) for recipe in rivals}
    return Contest(CROSS_VALIDATION, scores)


def _score_on_folds(
    workspace: Workspace,
    dataset: Dataset,
    rivals: Sequence[Recipe],
    progress: Progress,
    *,
    seed: int,
) -> dict[str, RecipeScores]:
    registry, count = workspace.registry, workspace.project.promote.folds
    context = TrainingContext(files=registry.files, read=registry.read_image, progress=progress)
    training = FoldTraining(workspace, dataset, count, progress, seed=seed)
    return {recipe.key: training.cross_validate(context, recipe).scores for recipe in rivals}
