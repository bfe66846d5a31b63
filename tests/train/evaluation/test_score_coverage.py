"""Intervals of scores and the warning about confidence hold on small test sets: simulated."""

import numpy as np
import pandas as pd
import pytest

from train.evaluation.calibration_test import check_calibration
from train.evaluation.metrics import evaluate
from train.evaluation.score_intervals import compute_score_intervals

NAMES = ("ant", "bee", "cow", "doe")
TRIALS = 400
SLACK = 3 * (0.05 * 0.95 / TRIALS) ** 0.5  # three standard errors of the simulation


def draw_predictions(
    count: int, random: np.random.Generator, *, ease: float, sharpness: float = 1.0
) -> pd.DataFrame:
    """Rows of a model that is calibrated where its sharpness is 1."""
    logits = random.normal(scale=ease, size=(count, len(NAMES)))
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    truth = (chances.cumsum(axis=1) < random.random((count, 1))).sum(axis=1)
    sharp = chances**sharpness
    sharp /= sharp.sum(axis=1, keepdims=True)
    rows = pd.DataFrame(sharp, columns=[f"p:{name}" for name in NAMES])
    rows.insert(0, "predicted", np.array(NAMES)[sharp.argmax(axis=1)])
    rows.insert(0, "true", np.array(NAMES)[truth.clip(max=len(NAMES) - 1)])
    rows.insert(0, "group", [f"g{number}" for number in range(count)])
    return rows


@pytest.mark.parametrize(("count", "ease", "sharpness"), [(40, 3, 1), (60, 9, 1), (79, 5, 2)])
def test_the_intervals_of_scores_hold_them(count: int, ease: float, sharpness: float) -> None:
    random = np.random.default_rng(4)
    large = draw_predictions(60_000, random, ease=ease, sharpness=sharpness)
    metrics = evaluate(
        large[[f"p:{name}" for name in NAMES]].to_numpy(np.float32).copy(),
        large["true"].map(NAMES.index).to_numpy().copy(),
        NAMES,
    )
    truth = {
        "balanced accuracy": metrics.balanced_accuracy,
        "macro F1": metrics.macro_f1,
        "log-loss": metrics.log_loss,
    }
    held = dict.fromkeys(truth, 0)
    for _ in range(TRIALS):
        rows = draw_predictions(count, random, ease=ease, sharpness=sharpness)
        for name, interval in compute_score_intervals(rows).items():
            held[name] += interval.low <= truth[name] <= interval.high
    for name, times in held.items():
        assert times / TRIALS >= 0.94 - SLACK, name


def test_scores_without_an_error_are_not_certain() -> None:
    rows = draw_predictions(40, np.random.default_rng(1), ease=40)
    rows["true"] = rows["predicted"]
    found = compute_score_intervals(rows)
    assert found["balanced accuracy"].low < 0.95
    assert found["macro F1"].low < 0.95
    assert found["log-loss"].high > 5 * found["log-loss"].estimate


@pytest.mark.parametrize("count", [40, 79])
def test_a_calibrated_model_is_seldom_warned_about(count: int) -> None:
    random, off = np.random.default_rng(2), 0
    for trial in range(TRIALS // 2):
        off += check_calibration(draw_predictions(count, random, ease=3), trial).is_off
    assert off / (TRIALS // 2) <= 0.05 + 1.5 * SLACK


def test_an_overconfident_model_is_warned_about() -> None:
    random = np.random.default_rng(3)
    rows = draw_predictions(200, random, ease=2, sharpness=4)
    found = check_calibration(rows)
    assert found.is_off
    assert found.error > found.by_chance


def test_the_error_is_that_of_the_metrics() -> None:
    rows = draw_predictions(150, np.random.default_rng(5), ease=3)
    chances = rows[[f"p:{name}" for name in NAMES]].to_numpy(np.float32).copy()
    truth = rows["true"].map(NAMES.index).to_numpy().copy()
    expected = evaluate(chances, truth, NAMES).calibration_error
    assert check_calibration(rows).error == pytest.approx(expected, abs=1e-5)


def test_copies_are_right_or_wrong_together() -> None:
    rows = draw_predictions(30, np.random.default_rng(6), ease=3)
    copied = pd.concat([rows] * 6, ignore_index=True)
    alone, together = check_calibration(rows), check_calibration(copied)
    assert together.p_value == pytest.approx(alone.p_value, abs=0.05)
