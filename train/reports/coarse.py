"""Coarse classes: how good a model of fine classes is at telling groups of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from data_registry.errors import InputError
from train.data.dataset import Dataset, Example
from train.evaluation.intervals import (
    Correct,
    Difference,
    Interval,
    compute_accuracy_interval,
    compute_paired_difference,
)
from train.evaluation.metrics import Metrics, evaluate
from train.experiments.runs import Run


@dataclass(frozen=True)
class CoarseScores:
    """A run asked for groups of classes.

    Attributes:
        run_id: which run.
        accuracy: of the groups, with its interval.
        metrics: of the groups.
        correct: (n,) for the test images by SHA-256.
    """

    run_id: str
    accuracy: Interval
    metrics: Metrics
    correct: Correct = field(repr=False)


@dataclass(frozen=True)
class CoarseView:
    """Groups by a model of the fine classes, and beside it by a model that learnt groups alone.

    Attributes:
        fine: probabilities of a group's classes are added up.
        separate: the other model, or None where the project has none.
        difference: accuracy of `fine` less that of `separate`, on the same images.
    """

    fine: CoarseScores
    separate: CoarseScores | None = None
    difference: Difference | None = None


def build_coarse_dataset(dataset: Dataset, group_of: Mapping[str, str]) -> Dataset:
    """Keep images and splits, and make the classes' groups the classes.

    Raises:
        InputError: a class has no group, or all have the same.
    """
    groups = list_group_names(dataset.class_names, group_of)
    place = [groups.index(group_of[name]) for name in dataset.class_names]

    def sum_shares(item: Example) -> tuple[float, ...]:
        if not item.shares:
            return ()
        return tuple(np.bincount(place, item.shares, minlength=len(groups)).tolist())

    def group_split(split: tuple[Example, ...]) -> tuple[Example, ...]:
        return tuple(
            replace(item, class_index=place[item.class_index], shares=sum_shares(item))
            for item in split
        )

    return replace(
        dataset,
        class_names=groups,
        train=group_split(dataset.train),
        val=group_split(dataset.val),
        test=group_split(dataset.test),
    )


def list_group_names(class_names: tuple[str, ...], group_of: Mapping[str, str]) -> tuple[str, ...]:
    """List the groups, sorted.

    Raises:
        InputError: a class has no group, or there are fewer than two.
    """
    without = [name for name in class_names if not group_of.get(name)]
    groups = tuple(sorted({group_of[name] for name in class_names if name not in without}))
    if without or len(groups) < 2:
        raise InputError(
            f"classes without a group: {', '.join(without) or 'none'}; groups: "
            f"{', '.join(groups) or 'none'}. Give each of [[classes]] a group, such as "
            '"fruit" or "vegetable", at least two in all'
        )
    return groups


def compute_coarse_scores(run: Run, group_of: Mapping[str, str]) -> CoarseScores:
    """Sum probabilities by group; a run that learnt the groups keeps its own."""
    rows = run.get_test_predictions()
    of_class = {name: group_of.get(name, name) for name in run.card.class_names}
    groups = tuple(sorted(set(of_class.values())))
    summed = np.zeros((len(rows), len(groups)))
    for name, group in of_class.items():
        summed[:, groups.index(group)] += rows[f"p:{name}"].to_numpy()
    chances = (summed / summed.sum(axis=1, keepdims=True)).astype(np.float32)
    truth = np.array([groups.index(of_class[name]) for name in rows["true"]], dtype=np.int64)
    correct: Correct = chances.argmax(axis=1) == truth
    accuracy = compute_accuracy_interval(correct, rows["group"].to_numpy())
    return CoarseScores(run.card.run_id, accuracy, evaluate(chances, truth, groups), correct)


def compare_coarse(fine: Run, group_of: Mapping[str, str], separate: Run | None) -> CoarseView:
    """Both ways side by side.

    Raises:
        InputError: the two were tested on different images.
    """
    ours = compute_coarse_scores(fine, group_of)
    if separate is None:
        return CoarseView(ours)
    theirs = compute_coarse_scores(separate, group_of)
    _require_same_images(fine.get_test_predictions(), separate.get_test_predictions())
    groups = fine.get_test_predictions()["group"].to_numpy()
    return CoarseView(ours, theirs, compute_paired_difference(ours.correct, theirs.correct, groups))


def _require_same_images(first: pd.DataFrame, second: pd.DataFrame) -> None:
    if not first["sha256"].equals(second["sha256"]):
        raise InputError("the two models were tested on different images: train both on a version")
