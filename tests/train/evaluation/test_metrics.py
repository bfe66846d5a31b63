import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.storage.json_records import parse_record
from train.evaluation.metrics import Metrics, evaluate

NAMES = ("ant", "bee", "cow")


def certain(predicted: list[int]) -> np.ndarray:
    return (np.eye(3, dtype=np.float32)[predicted] * 0.97 + 0.01).astype(np.float32)


def test_scores_of_a_table_counted_by_hand() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1])
    metrics = evaluate(certain([0, 0, 0, 1, 1, 2]), truth, NAMES)
    assert (metrics.image_count, metrics.correct_count) == (6, 4)
    assert metrics.accuracy == pytest.approx(4 / 6)
    assert metrics.balanced_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics.confusion == ((3, 1, 0), (0, 1, 1), (0, 0, 0))
    ant, bee, cow = metrics.classes
    assert (ant.precision, ant.recall, ant.support) == (1, 0.75, 4)
    assert bee.f1 == pytest.approx(0.5)
    assert (cow.precision, cow.recall, cow.f1, cow.support) == (0, 0, 0, 0)
    assert metrics.macro_f1 == pytest.approx((2 * 0.75 / 1.75 + 0.5) / 2)
    assert metrics.log_loss == pytest.approx(-(4 * np.log(0.98) + 2 * np.log(0.01)) / 6, abs=1e-3)
    assert metrics.calibration_error == pytest.approx(0.98 - 4 / 6, abs=1e-4)


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_any_predictions_give_scores_in_range_that_survive_json(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.3] * 3, count).astype(np.float32)
    metrics = evaluate(probabilities, random.integers(0, 3, count), NAMES)
    for share in (metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1):
        assert 0 <= share <= 1
    assert np.isfinite(metrics.log_loss)
    assert np.sum(metrics.confusion) == count
    assert parse_record(Metrics, json.dumps(asdict(metrics)).encode()) == metrics
