"""Intervals of the scores beside accuracy, by a bootstrap that draws whole groups."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_registry.arrays import Float64Array
from train.evaluation.intervals import Interval
from train.evaluation.variance_parts import CONFIDENCE

RESAMPLES = 2000
_AT_ONCE = 100
_LEAST_PROBABILITY = 1e-15


def compute_score_intervals(rows: pd.DataFrame, seed: int = 0) -> Mapping[str, Interval]:
    """95 % intervals of a run's scores on its test images.

    The calibration error has none here: it is a sum of absolute values, which resampling moves
    upwards, so that the bootstrap's interval would often leave out what was measured.

    Args:
        rows: columns group, true, predicted and ``p:<class>``, as `train.runs.Run.on_test` gives.
        seed: of the resampling.

    Returns:
        By name: balanced accuracy, macro F1, log-loss.
    """
    counts = _build_counts(rows)
    estimate = _compute_scores(np.ones((1, len(rows))), counts)
    parts = [
        _compute_scores(weights, counts)
        for weights in _draw_image_weights(rows["group"].to_numpy(), seed)
    ]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in estimate}
    tails = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    found = {}
    for name, values in drawn.items():
        low, high = np.quantile(values, tails)
        here = float(estimate[name][0])
        found[name] = Interval(here, min(float(low), here), max(float(high), here))
    return found


def _build_counts(rows: pd.DataFrame) -> Mapping[str, Float64Array]:
    """Build what each image adds to the scores' sums: (n, classes), the loss (n, 1)."""
    names = [column.removeprefix("p:") for column in rows.columns if column.startswith("p:")]
    true, predicted = (
        (rows[column].to_numpy()[:, None] == np.array(names)[None, :]).astype(np.float64)
        for column in ("true", "predicted")
    )
    chances = rows[[f"p:{name}" for name in names]].to_numpy(dtype=np.float64)
    chances = chances / chances.sum(axis=1, keepdims=True)
    of_truth = np.maximum((chances * true).sum(axis=1, keepdims=True), _LEAST_PROBABILITY)
    return {
        "present": true,
        "predicted": predicted,
        "right": true * predicted,
        "loss": -np.log(of_truth),
    }


def _compute_scores(
    weights: Float64Array, counts: Mapping[str, Float64Array]
) -> Mapping[str, Float64Array]:
    """Scores of each draw (draws,) from weights (draws, n); absent classes are left out."""
    present, predicted, right = (weights @ counts[k] for k in ("present", "predicted", "right"))
    there = present > 0
    recall = np.divide(right, present, out=np.zeros_like(right), where=there)
    f1 = 2 * right / np.maximum(present + predicted, 1)
    classes = there.sum(axis=1)
    return {
        "balanced accuracy": recall.sum(axis=1) / classes,
        "macro F1": (f1 * there).sum(axis=1) / classes,
        "log-loss": (weights @ counts["loss"])[:, 0] / weights.sum(axis=1),
    }


def _draw_image_weights(groups: npt.NDArray[np.object_], seed: int) -> Iterator[Float64Array]:
    """How often each draw takes each image, (draws, n): images of a group equally often."""
    names, place = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(seed)
    for _ in range(RESAMPLES // _AT_ONCE):  # a few at a time keep memory level
        drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_AT_ONCE)
        yield drawn.astype(np.float64)[:, place]
