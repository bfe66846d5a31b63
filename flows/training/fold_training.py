"""What a recipe learns from while a fold is held out: fold k's pseudo-labels never saw fold k."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from data_registry.duplicates.grouping import load_groups
from data_registry.labels.decisions import Prediction
from data_registry.progress import Progress
from data_registry.versions.published_versions import (
    Version,
    find_version,
    load_images_stored_before,
    load_version_rows,
)
from data_registry.vocabulary import ClassOrigin
from flows.config.model_settings import build_label_settings
from flows.config.workspace import Workspace
from flows.training.training_data import build_dataset, order_probabilities
from labeling.rounds.fold_labels import predict_fold_labels
from labeling.teacher.cross_fitting_folds import split_group_folds
from labeling.teacher.labelled import load_labelled_images
from train.data.dataset import Dataset, Example
from train.experiments.arms import Arm
from train.experiments.cross_validation import (
    CrossValidation,
    Fitting,
    Folds,
    TrainingOf,
    cross_validate,
)
from train.experiments.recipes import Recipe
from train.tracking.context import TrainingContext


class FoldTraining:
    """Folds of what people named in train, and what is learnt from outside each of them.

    Args:
        workspace: the project.
        now: the present version: its classes, groups and what it keeps out of train.
        folds: how many.
        progress: told of the folds' own teachers.
        seed: another one deals other folds and fits from other weights.
    """

    def __init__(
        self,
        workspace: Workspace,
        now: Dataset,
        folds: int,
        progress: Progress,
        *,
        seed: int = 0,
    ) -> None:
        self._workspace = workspace
        self._now = now
        self._progress = progress
        self._groups = load_groups(workspace.registry)
        self._labels: dict[frozenset[str], dict[str, Prediction]] = {}
        self._seed = seed
        self.folds = _build_folds(workspace, now, folds, seed)

    def cross_validate(self, context: TrainingContext, recipe: Recipe) -> CrossValidation:
        """Cross-validate a recipe; see `train.experiments.cross_validation.cross_validate`."""
        training = self.select_training(recipe.card.version, recipe.card.arm)
        fitting = Fitting.of(recipe)
        config = replace(fitting.config, seed=fitting.config.seed + self._seed)
        return cross_validate(context, replace(fitting, config=config), training, self.folds)

    def select_training(self, version_hash: str, arm: str) -> TrainingOf:
        """Select what an arm of a version learns from while a fold is held out.

        An arm with collected images keeps those that people named, and of all the others that were
        there when its version was published those that the fold's own teacher accepts.
        """
        version = find_version(self._workspace.registry, version_hash)
        named, machines = self._select_named(version, arm)
        if not machines:
            return lambda _: named
        there = load_images_stored_before(self._workspace.registry, version)
        return lambda held_out: (*named, *self._select_accepted_without(held_out, there, named))

    def _select_named(self, version: Version, arm: str) -> tuple[tuple[Example, ...], bool]:
        """Select an arm's training images that people named, and say whether there are others.

        Images that the present version keeps out of train, such as duplicates of a test image that
        were found since, are left out.
        """
        rows = load_version_rows(self._workspace.registry, version)
        then = build_dataset(self._workspace.registry, version, rows)
        share = then.drop_collected() if arm == Arm.WITHOUT else then
        machines = set(rows["sha256"][rows["class_origin"] == ClassOrigin.DECISION])
        present = {example.sha256: example for example in self._now.train}
        index = {name: number for number, name in enumerate(self._now.class_names)}
        examples = []
        for example in share.train:
            class_index = index.get(then.class_names[example.class_index])
            known = example.sha256 in present and example.sha256 not in machines
            if known and class_index is not None:
                examples.append(Example(example.sha256, class_index, present[example.sha256].group))
        return tuple(examples), any(example.sha256 in machines for example in share.train)

    def _select_accepted_without(
        self, held_out: Sequence[Example], there: Collection[str], named: Sequence[Example]
    ) -> list[Example]:
        known, classes = {example.sha256 for example in named}, self._now.class_names
        index = {name: number for number, name in enumerate(classes)}
        return [
            Example(
                name,
                index[prediction.class_name],
                self._groups[name],
                order_probabilities(prediction.probabilities, classes),
            )
            for name, prediction in sorted(self._label_without(held_out).items())
            if name in there and name not in known and prediction.class_name in index
        ]

    def _label_without(self, held_out: Sequence[Example]) -> dict[str, Prediction]:
        """Label the pool without a fold, once: all recipes of a contest need the same folds."""
        names = frozenset(example.sha256 for example in held_out)
        if names not in self._labels:
            settings = build_label_settings(self._workspace)
            labels = predict_fold_labels(self._workspace.registry, settings, names, self._progress)
            self._labels[names] = labels
        return self._labels[names]


def _build_folds(workspace: Workspace, now: Dataset, count: int, seed: int) -> Folds:
    """Deal the training images that people named into folds that split no group."""
    labelled = load_labelled_images(workspace.registry)
    example = {item.sha256: item for item in now.train}
    parts = split_group_folds(labelled, count, seed)
    held_out = (
        tuple(example[labelled.sha256[k]] for k in held if labelled.sha256[k] in example)
        for _, held in parts
    )
    return Folds(tuple(part for part in held_out if part), now.val, now.class_names)
