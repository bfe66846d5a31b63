"""Does the collected data help? The same model without and with it, on the same frozen test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pandas as pd

from data_registry.errors import InputError
from data_registry.text.hashes import shorten_hash
from train.choices import SEEDS
from train.data.dataset import Dataset
from train.data.pixel_cache import PixelCache
from train.evaluation.conclusions import (
    Goal,
    describe_difference,
    judge_difference,
    judge_goal,
    list_size_warnings,
)
from train.evaluation.intervals import (
    Correct,
    Difference,
    Groups,
    Interval,
    compute_accuracy_interval,
    compute_paired_difference,
)
from train.evaluation.power import DetectionLimit, compute_detection_limit
from train.experiments.runs import Run
from train.experiments.train_run import train_variant
from train.fitting.fit_config import FitConfig
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

LEAST_SEEDS = 3


class Arm(StrEnum):
    """Training with or without the collected images."""

    WITHOUT = "without"
    WITH = "with"


@dataclass(frozen=True)
class ArmResult:
    """The runs of one arm, one a seed.

    Attributes:
        name: ``"without"`` or ``"with"``.
        runs: in the order of the seeds.
        accuracy: mean over the runs, with its interval.
        goal: the same against the target, or None where there is none.
    """

    name: Arm
    runs: tuple[Run, ...]
    accuracy: Interval
    goal: Goal | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The answer and what it rests on.

    Attributes:
        answer: ``"better"``, ``"worse"`` or ``"cannot tell"``: with, compared to without.
        sentence: the answer's numbers in words.
        difference: accuracy with less accuracy without.
        without, with_collected: the arms.
        steps: optimiser steps of every run.
        seeds: of the runs.
        image_count, group_count: of the test split.
        settling: what would settle the answer.
        warnings: what the test set is too small for.
    """

    answer: str
    sentence: str
    difference: Difference
    without: ArmResult
    with_collected: ArmResult
    steps: int
    seeds: tuple[int, ...]
    image_count: int
    group_count: int
    settling: DetectionLimit
    warnings: tuple[str, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run of both arms."""
        return (*self.without.runs, *self.with_collected.runs)


def compare_arms(
    context: TrainingContext,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    seeds: Sequence[int] = SEEDS,
    target: float | None = None,
) -> Comparison:
    """Train both arms with every seed and compare them on the test split.

    Every run makes as many optimiser steps as the larger arm needs for the configured epochs, and
    keeps its best checkpoint by validation loss. Early stopping is off: it would give the arms
    different budgets.

    Args:
        context: files, images, callbacks.
        dataset: with `collected` filled in.
        spec, config: the same for all runs; `config.seed` and `config.patience` are replaced.
        seeds: at least three.
        target: accuracy that the project wants, 0-1.

    Raises:
        InputError: fewer than three seeds, or nothing was collected.
    """
    _require_comparable(dataset, seeds)
    steps = _find_common_steps(config, dataset)
    equal = replace(config, max_steps=steps, patience=None)
    configs = [replace(equal, seed=seed) for seed in seeds]
    shares = {Arm.WITH: dataset, Arm.WITHOUT: dataset.drop_collected()}
    with PixelCache(context.read, context.progress) as cache:
        runs = {
            arm: tuple(_train_run(cache, context, share, spec, each, arm=arm) for each in configs)
            for arm, share in shares.items()
        }
    return compare_runs(runs[Arm.WITHOUT], runs[Arm.WITH], target)


def _train_run(
    cache: PixelCache,
    context: TrainingContext,
    share: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    arm: Arm,
) -> Run:
    purpose = "comparison of arms"
    return train_variant(cache, context, share, spec, config, arm=arm.value, purpose=purpose)


def compare_runs(
    without: Sequence[Run], with_collected: Sequence[Run], target: float | None = None
) -> Comparison:
    """Compare finished runs, paired by their place in the sequences.

    Raises:
        InputError: the runs were tested on different images.
    """
    groups, before = _mark_correct(without)
    other_groups, after = _mark_correct(with_collected)
    if not np.array_equal(groups.index, other_groups.index):
        raise InputError(
            "the arms were tested on different images and cannot be compared: train both on "
            "versions with the same test split"
        )
    names = groups.to_numpy()
    difference = compute_paired_difference(after, before, names)
    image_count, group_count = len(names), len(np.unique(names))
    settles = compute_detection_limit(image_count, group_count, difference)
    return Comparison(
        answer=judge_difference(difference),
        sentence=describe_difference(difference, image_count, len(without)),
        difference=difference,
        without=_build_arm(Arm.WITHOUT, without, before, names, target),
        with_collected=_build_arm(Arm.WITH, with_collected, after, names, target),
        steps=without[0].card.fitted.steps,
        seeds=tuple(run.card.config.seed for run in without),
        image_count=image_count,
        group_count=group_count,
        settling=settles,
        warnings=list_size_warnings(settles),
    )


def compute_run_accuracy(run: Run) -> Interval:
    """Test accuracy of a single run with its interval."""
    groups, correct = _mark_correct([run])
    return compute_accuracy_interval(correct, groups.to_numpy())


def _mark_correct(runs: Sequence[Run]) -> tuple["pd.Series[str]", Correct]:
    """Return the test images' groups by SHA-256, and whether each run is right: (runs, n)."""
    tables = [run.get_test_predictions() for run in runs]
    correct = np.stack([(t["true"] == t["predicted"]).to_numpy() for t in tables])
    return tables[0].set_index("sha256")["group"], correct


def _build_arm(
    name: Arm, runs: Sequence[Run], correct: Correct, groups: Groups, target: float | None
) -> ArmResult:
    accuracy = compute_accuracy_interval(correct, groups)
    goal = None if target is None else judge_goal(target, accuracy, len(groups))
    return ArmResult(name, tuple(runs), accuracy, goal)


def _find_common_steps(config: FitConfig, dataset: Dataset) -> int:
    steps = config.count_steps(len(dataset.train))
    if steps is None:
        raise InputError(
            "arms are compared after equally many steps, and this model has no limit of its own: "
            "set steps or epochs in its [[train.models]]"
        )
    return steps


def _require_comparable(dataset: Dataset, seeds: Sequence[int]) -> None:
    if len(set(seeds)) < LEAST_SEEDS:
        raise InputError(
            f"{len(set(seeds))} different seeds were given; at least {LEAST_SEEDS} are needed to "
            "tell the data's effect from chance. Set more seeds in the project file"
        )
    if not dataset.collected:
        raise InputError(
            f"version {shorten_hash(dataset.version)} holds no collected images, so there is "
            "nothing to compare. Run collect, label and merge first, or train a single run"
        )
    if len(dataset.collected) == len(dataset.train):
        raise InputError("every training image was collected: the arm without them is empty")
