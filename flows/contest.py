"""The contest for the title: rivals scored on the same images, never on test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_registry.progress import Progress
from data_registry.versions import find_version, version_rows
from flows.training import dataset_of
from flows.workspace import Workspace
from labeling.folds import group_folds
from labeling.labelled import labelled_images
from train.arms import WITHOUT
from train.contest import Scores, validation_scores
from train.cross_validation import Folds, cross_validated_scores
from train.data import Dataset, Example
from train.recipes import Recipe
from train.workplace import Workplace

VALIDATION = "validation"
CROSS_VALIDATION = "grouped cross-validation"
NO_CONTEST = "no contest"


@dataclass(frozen=True)
class Contest:
    """The recipes that compete, and how they did."""

    basis: str
    scores: Mapping[str, Scores] = field(default_factory=dict)  # by the recipe's key

    @property
    def images(self) -> int:
        """How many images it rests on; 0 without a contest."""
        return next((len(scores.sha256) for scores in self.scores.values()), 0)

    @property
    def kind_of_images(self) -> str:
        """What the images are, for a sentence."""
        held_out = "held-out training images"
        return held_out if self.basis == CROSS_VALIDATION else "validation images"

    def ranked(self, recipes: Sequence[Recipe]) -> list[Recipe]:
        """The lowest log-loss first."""
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
    workplace = Workplace(registry.files, registry.read_image, progress=progress)
    if len(dataset.val) >= workspace.project.promote.least_validation:
        scores = {item.key: validation_scores(workplace, item, dataset) for item in rivals}
        return Contest(VALIDATION, scores)
    folds = _folds(workspace, dataset)
    scores = {
        item.key: cross_validated_scores(
            workplace, item, _training_of(workspace, item, dataset), folds
        )
        for item in rivals
    }
    return Contest(CROSS_VALIDATION, scores)


def _folds(workspace: Workspace, dataset: Dataset) -> Folds:
    """What people named in train, in folds that no group is split by."""
    labelled = labelled_images(workspace.registry)
    example = {item.sha256: item for item in dataset.train}
    parts = group_folds(labelled, workspace.project.promote.folds, seed=0)
    held_out = (
        tuple(example[labelled.sha256[k]] for k in held if labelled.sha256[k] in example)
        for _, held in parts
    )
    return Folds(tuple(part for part in held_out if part), dataset.val, dataset.class_names)


def _training_of(workspace: Workspace, recipe: Recipe, now: Dataset) -> tuple[Example, ...]:
    """A recipe's training images with the classes and groups of the present version.

    Images that the present version keeps out of train, such as copies of a test image that were
    found since, are left out.
    """
    version = find_version(workspace.registry, recipe.card.version)
    then = dataset_of(version, version_rows(workspace.registry, version))
    share = then.without_collected() if recipe.card.arm == WITHOUT else then
    present = {item.sha256: item for item in now.train}
    place = {name: index for index, name in enumerate(now.class_names)}
    training = []
    for item in share.train:
        class_index = place.get(then.class_names[item.class_index])
        if item.sha256 in present and class_index is not None:
            training.append(Example(item.sha256, class_index, present[item.sha256].group))
    return tuple(training)
