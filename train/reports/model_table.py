"""Several models on the same test images: a table in the order that was asked for, and tests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data_registry.errors import InputError
from data_registry.storage.files import FileStore
from train.choices import RankName
from train.evaluation.conclusions import CANNOT_TELL, judge_difference
from train.evaluation.intervals import (
    Correct,
    Difference,
    Groups,
    Interval,
    compute_accuracy_interval,
    compute_paired_difference,
)
from train.evaluation.metrics import Metrics
from train.evaluation.score_intervals import compute_score_intervals
from train.evaluation.significance import McNemar, adjust_p_values, compute_mcnemar
from train.experiments.recipes import Recipe, group_runs
from train.experiments.runs import Run
from train.reports.cost import Cost, get_cost

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class ModelRow:
    """One model's line.

    Attributes:
        recipe: its runs.
        accuracy: mean over them, with its interval.
        scores: intervals of balanced accuracy, macro F1 and log-loss of the best run.
        cost: of the best run.
    """

    recipe: Recipe
    accuracy: Interval
    scores: Mapping[str, Interval] = field(repr=False)
    cost: Cost

    @property
    def run(self) -> Run:
        """The best by validation: what the scores beside accuracy are of."""
        return self.recipe.best

    @property
    def test(self) -> Metrics:
        """Of that run."""
        return self.run.test


@dataclass(frozen=True, kw_only=True)
class PairwiseTest:
    """One model against the one that is best by validation.

    Attributes:
        row: the model.
        difference: its accuracy less the other's, over the seeds that both have.
        mcnemar: of the best runs.
        adjusted: its p-value by Holm, for all that are in the table.
        answer: better, worse or cannot tell: what interval and both tests agree on.
    """

    row: ModelRow
    difference: Difference
    mcnemar: McNemar
    adjusted: float
    answer: str


_SMALL_FIRST: Mapping[RankName, Callable[[ModelRow], float]] = {
    "accuracy": lambda row: -row.accuracy.estimate,
    "balanced accuracy": lambda row: -row.test.balanced_accuracy,
    "macro F1": lambda row: -row.test.macro_f1,
    "log-loss": lambda row: row.test.log_loss,
    "calibration error": lambda row: row.test.calibration_error,
    "milliseconds": lambda row: row.cost.milliseconds,
    "train seconds": lambda row: row.cost.train_seconds,
    "parameters": lambda row: row.cost.parameters,
    "size": lambda row: row.cost.bytes_on_disk,
}


def build_model_table(files: FileStore, runs: Iterable[Run], rank_by: RankName) -> list[ModelRow]:
    """Build a row for each model and arm, the best by `rank_by` first.

    Raises:
        StorageError: a run's weights are not there.
    """
    rows = [_build_row(files, recipe) for recipe in group_runs(runs)]
    return sorted(rows, key=lambda row: (_SMALL_FIRST[rank_by](row), row.recipe.key))


def compare_models(rows: Sequence[ModelRow]) -> tuple[ModelRow, list[PairwiseTest]]:
    """Compare every row with the one that is best by validation, in the table's order.

    Raises:
        InputError: the models were tested on different images.
    """
    reference = min(rows, key=lambda row: (row.run.val.log_loss, row.recipe.key))
    others = [row for row in rows if row is not reference]
    differences = [compute_difference(row.recipe, reference.recipe) for row in others]
    tests = [_compute_mcnemar(row.run, reference.run) for row in others]
    adjusted = adjust_p_values([test.p_value for test in tests])
    return reference, [
        PairwiseTest(
            row=row,
            difference=difference,
            mcnemar=test,
            adjusted=p_value,
            answer=judge_pair(difference, p_value),
        )
        for row, difference, test, p_value in zip(others, differences, tests, adjusted, strict=True)
    ]


def judge_pair(difference: Difference, p_value: float) -> str:
    """Better or worse only where the paired interval, its own test and McNemar's agree."""
    return judge_difference(difference) if p_value < _SIGNIFICANT else CANNOT_TELL


def compute_difference(first: Recipe, second: Recipe) -> Difference:
    """Accuracy of the first less that of the second, over the seeds that both have.

    Raises:
        InputError: they were tested on different images.
    """
    count = min(len(first.runs), len(second.runs))
    ours, groups = mark_correct(first.runs[:count])
    theirs, _ = mark_correct(second.runs[:count])
    _require_same_images(first.best, second.best)
    return compute_paired_difference(ours, theirs, groups)


def mark_correct(runs: Sequence[Run]) -> tuple[Correct, Groups]:
    """Which run is right where (runs, n), and the groups of the n test images."""
    tables = [run.get_test_predictions() for run in runs]
    right = np.stack([(table["true"] == table["predicted"]).to_numpy() for table in tables])
    return right, tables[0]["group"].to_numpy()


def run_mcnemar(first: Run, second: Run) -> McNemar:
    """Run the exact McNemar test of two runs.

    Raises:
        InputError: they were tested on different images.
    """
    _require_same_images(first, second)
    return _compute_mcnemar(first, second)


def _build_row(files: FileStore, recipe: Recipe) -> ModelRow:
    best = recipe.best
    right, groups = mark_correct(recipe.runs)
    return ModelRow(
        recipe=recipe,
        accuracy=compute_accuracy_interval(right, groups),
        scores=compute_score_intervals(best.get_test_predictions()),
        cost=get_cost(files, best),
    )


def _compute_mcnemar(first: Run, second: Run) -> McNemar:
    (ours,), groups = mark_correct([first])
    (theirs,), _ = mark_correct([second])
    return compute_mcnemar(ours, theirs, groups)


def _require_same_images(first: Run, second: Run) -> None:
    ours, theirs = first.get_test_predictions(), second.get_test_predictions()
    if not ours[["sha256", "true"]].equals(theirs[["sha256", "true"]]):
        raise InputError(
            f"{first.card.run_id} and {second.card.run_id} were tested on different images or "
            "classes, so their accuracies cannot be compared: train both on one version"
        )
