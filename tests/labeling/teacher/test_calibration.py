import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labeling.teacher.calibration import (
    compute_doubting_log_loss,
    compute_log_loss,
    compute_probabilities,
    fit_temperature,
)

logit_tables = st.tuples(st.integers(1, 30), st.integers(2, 6)).flatmap(
    lambda shape: st.tuples(
        arrays(np.float64, shape, elements=st.floats(-30, 30)),
        arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)),
    )
)


@settings(max_examples=15)
@given(st.floats(0.2, 8.0), st.integers(2, 8), st.integers(0, 1000))
def test_planted_temperature_is_recovered(planted: float, class_count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    true_logits = random.normal(0, 2, (20_000, class_count))
    noise = random.gumbel(size=true_logits.shape)
    classes = (true_logits + noise).argmax(axis=1)  # drawn from softmax(true_logits)
    found = fit_temperature(planted * true_logits, classes)
    assert found == pytest.approx(planted, rel=0.06)


@given(logit_tables, st.floats(0.02, 50))
@example((np.array([[800.0, -800.0]]), np.array([1])), 0.02)
def test_probabilities_sum_to_one(table: tuple[np.ndarray, np.ndarray], temperature: float) -> None:
    found = compute_probabilities(table[0], temperature)
    assert np.allclose(found.sum(axis=1), 1.0, atol=1e-12)
    assert (found >= 0).all()


@given(logit_tables)
def test_the_loss_is_never_worse_after_fitting(table: tuple[np.ndarray, np.ndarray]) -> None:
    logits, classes = table
    fitted = compute_doubting_log_loss(logits, classes, fit_temperature(logits, classes))
    assert fitted <= compute_doubting_log_loss(logits, classes) + 1e-6


@settings(max_examples=15)
@given(st.floats(0.1, 10.0), st.integers(2, 8), st.integers(0, 1000))
def test_plain_log_loss_is_no_worse_either_where_some_are_wrong(
    planted: float, class_count: int, seed: int
) -> None:
    true_logits = np.random.default_rng(seed).normal(0, 1, (300, class_count))
    noise = np.random.default_rng(seed + 1).gumbel(size=true_logits.shape)
    classes = (true_logits + noise).argmax(axis=1)
    logits = planted * true_logits
    fitted = compute_log_loss(logits, classes, fit_temperature(logits, classes))
    assert fitted <= compute_log_loss(logits, classes) + 1e-3


@pytest.mark.parametrize("count", [10, 24, 200])
@pytest.mark.parametrize("sureness", [0.3, 1.0, 30.0])
def test_images_that_are_all_right_show_no_more_than_their_number_can(
    count: int, sureness: float
) -> None:
    classes = np.arange(count) % 4
    logits = sureness * np.eye(4)[classes]
    confidence = compute_probabilities(logits, fit_temperature(logits, classes)).max(axis=1)
    assert confidence.mean() == pytest.approx(1 - 0.75 / (count + 1), abs=1e-3)


@given(logit_tables, st.floats(0.1, 10))
def test_temperature_leaves_the_answer_alone(
    table: tuple[np.ndarray, np.ndarray], temperature: float
) -> None:
    logits, _ = table
    rows = np.arange(len(logits))
    best = compute_probabilities(logits, temperature).argmax(axis=1)
    assert np.allclose(logits[rows, best], logits.max(axis=1), atol=1e-6)


def test_log_loss_of_knowing_nothing_is_the_log_of_the_number_of_classes() -> None:
    classes = np.array([0, 1, 2, 3])
    assert compute_log_loss(np.zeros((4, 4)), classes) == pytest.approx(np.log(4))
