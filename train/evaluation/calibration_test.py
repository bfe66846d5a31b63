"""Is a model's confidence its accuracy, or is the calibration error chance on few images?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_registry.arrays import Float64Array

BINS = 15  # as the calibration error of the metrics
DRAWS = 2000
_AT_ONCE = 100
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class CalibrationTest:
    """A calibration error beside what chance alone makes.

    Attributes:
        error: expected calibration error, 0-1.
        by_chance: largest error of 95 % of test sets like this one, if every confidence were right.
        p_value: of the hypothesis that every confidence is right.
    """

    error: float
    by_chance: float
    p_value: float

    @property
    def is_off(self) -> bool:
        """Whether the error is more than chance makes of a calibrated model."""
        return self.p_value < _SIGNIFICANT


def check_calibration(rows: pd.DataFrame, seed: int = 0) -> CalibrationTest:
    """Test a run's confidence by consistency resampling.

    The error sums absolute values, so it is above 0 for the best model, the more the fewer images
    there are. Right and wrong are drawn anew by the stated confidences, copies of an image
    together: J. Broecker, L. A. Smith (2007), Weather and Forecasting 22.

    Args:
        rows: columns group, true, predicted and ``p:<class>``, as
            `train.experiments.runs.Run.get_test_predictions` gives.
        seed: of the draws.
    """
    columns = [column for column in rows.columns if column.startswith("p:")]
    confidence = np.minimum(rows[columns].to_numpy(dtype=np.float64).max(axis=1), 1.0)
    right = (rows["true"] == rows["predicted"]).to_numpy()
    _, group = np.unique(rows["group"].to_numpy(), return_inverse=True)
    error = float(_compute_errors(right[None], confidence)[0])
    random = np.random.default_rng(seed)
    drawn = np.concatenate(
        [
            _compute_errors(_draw_right(confidence, group, random), confidence)
            for _ in range(DRAWS // _AT_ONCE)
        ]
    )
    p_value = (1 + int((drawn >= error - 1e-12).sum())) / (1 + DRAWS)
    return CalibrationTest(error, float(np.quantile(drawn, 1 - _SIGNIFICANT)), p_value)


def _draw_right(
    confidence: Float64Array, group: npt.NDArray[np.intp], random: np.random.Generator
) -> npt.NDArray[np.bool_]:
    right: npt.NDArray[np.bool_] = random.random((_AT_ONCE, group.max() + 1))[:, group] < confidence
    return right


def _compute_errors(right: npt.NDArray[np.bool_], confidence: Float64Array) -> Float64Array:
    """Compute expected calibration errors (draws,) of outcomes (draws, n)."""
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    member = np.eye(BINS)[bins]
    errors: Float64Array = np.abs((right - confidence) @ member).sum(axis=1) / len(confidence)
    return errors
