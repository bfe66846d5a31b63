"""Intervals of the scores beside accuracy, by leaving each group of images out in turn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_registry.arrays import Float64Array
from train.evaluation.intervals import Interval, bound_share
from train.evaluation.variance_parts import CONFIDENCE

_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True, kw_only=True)
class _GroupSums:
    """What each group adds to the scores' sums: (groups, classes), and (groups,)."""

    present: Float64Array
    predicted: Float64Array
    right: Float64Array
    loss: Float64Array
    images: Float64Array


def compute_score_intervals(rows: pd.DataFrame) -> Mapping[str, Interval]:
    """95 % intervals of a run's scores on its test images.

    Shares have Wilson's interval for the images that their jackknife variance is worth; log-loss
    has Student's t on the logarithmic scale, as if one more group had gone wrong: a bootstrap's
    percentiles hold 85-93 % on 40-79 images. The calibration error has none here: it is a sum of
    absolute values, which resampling moves upwards, so that an interval would often leave out what
    was measured.

    Args:
        rows: columns group, true, predicted and ``p:<class>``, as
            `train.experiments.runs.Run.get_test_predictions` gives.

    Returns:
        By name: balanced accuracy, macro F1, log-loss.
    """
    losses, worst = _compute_losses(rows)
    sums = _sum_groups(rows, losses)
    totals = [values.sum(axis=0) for values in (sums.present, sums.predicted, sums.right)]
    left_out = [
        total - values
        for total, values in zip(totals, (sums.present, sums.predicted, sums.right), strict=True)
    ]
    most = _count_worth(sums.present)
    names = ("balanced accuracy", "macro F1")
    shares = {
        name: bound_share(float(here), _compute_half_width(values), most)
        for name, here, values in zip(
            names, _score_classes(*totals), _score_classes(*left_out), strict=True
        )
    }
    return {**shares, "log-loss": _bound_loss(sums, worst)}


def _compute_losses(rows: pd.DataFrame) -> tuple[Float64Array, float]:
    """Return each image's loss, and what an error would cost that this test set may lack.

    Where nothing is wrong, the test set does not show what an error costs: by the model's own
    probabilities an image is of its second class, which tells at what loss.
    """
    columns = [column for column in rows.columns if column.startswith("p:")]
    chances = rows[columns].to_numpy(dtype=np.float64)
    chances = np.maximum(chances / chances.sum(axis=1, keepdims=True), _LEAST_PROBABILITY)
    true = rows["true"].to_numpy()[:, None] == np.array([name[2:] for name in columns])[None, :]
    losses = -np.log(np.maximum((chances * true).sum(axis=1), _LEAST_PROBABILITY))
    second = np.sort(chances, axis=1)[:, -min(2, len(columns))]
    expected = float(-(second * np.log(second)).sum() / second.sum())
    return losses, max(float(losses.max()), expected)


def _sum_groups(rows: pd.DataFrame, losses: Float64Array) -> _GroupSums:
    classes = [column.removeprefix("p:") for column in rows.columns if column.startswith("p:")]
    _, index = np.unique(rows["group"].to_numpy(), return_inverse=True)
    true, predicted = (
        (rows[column].to_numpy()[:, None] == np.array(classes)[None, :]).astype(np.float64)
        for column in ("true", "predicted")
    )
    return _GroupSums(
        present=_sum_rows(true, index),
        predicted=_sum_rows(predicted, index),
        right=_sum_rows(true * predicted, index),
        loss=_sum_rows(losses, index),
        images=np.bincount(index).astype(np.float64),
    )


def _sum_rows(values: Float64Array, index: npt.NDArray[np.intp]) -> Float64Array:
    """Sum each group's rows: (n, ...) to (groups, ...)."""
    sums = np.zeros((index.max() + 1, *values.shape[1:]))
    np.add.at(sums, index, values)
    return sums


def _score_classes(
    present: Float64Array, predicted: Float64Array, right: Float64Array
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Balanced accuracy and macro F1 of counts (..., classes); absent classes are left out."""
    there = present > 0
    recall = np.divide(right, present, out=np.zeros_like(right), where=there)
    f1 = 2 * right / np.maximum(present + predicted, 1) * there
    classes = np.maximum(there.sum(axis=-1), 1)
    return recall.sum(axis=-1) / classes, f1.sum(axis=-1) / classes


def _compute_half_width(left_out: Float64Array) -> float:
    """Half an interval by the jackknife, from the scores without each group."""
    count = len(left_out)
    if count < 2:
        return 0.0
    variance = (count - 1) * float(left_out.var())
    return _compute_student_deviate(count) * float(np.sqrt(variance))


def _count_worth(present: Float64Array) -> float:
    """Independent images as good as these for a mean over classes, where every class is equal."""
    groups = (present > 0).sum(axis=0)
    groups = groups[groups > 0]
    return float(len(groups) ** 2 / (1 / groups).sum())


def _bound_loss(sums: _GroupSums, worst: float) -> Interval:
    """Join the interval of the mean with that of one more group which goes wrong."""
    values = sums.loss * len(sums.loss) / sums.images.sum()
    here = float(values.mean())
    deviate = _compute_student_deviate(max(len(values), 2))
    bounds = [here]
    for drawn in (values, np.append(values, worst)):
        mean = float(drawn.mean())
        if len(drawn) > 1 and mean > 0:
            reach = deviate * float(drawn.std(ddof=1)) / len(drawn) ** 0.5 / mean
            bounds += [mean * np.exp(-reach), mean * np.exp(reach)]
    return Interval(here, float(min(bounds)), float(max(bounds)))


def _compute_student_deviate(count: int) -> float:
    from scipy import stats

    return float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1))
