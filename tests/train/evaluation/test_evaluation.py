"""Scores beside accuracy, their intervals, tests of several models, and what a model costs."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, top_k_accuracy_score

from train.choices import RANDOM
from train.evaluation.metrics import evaluate
from train.evaluation.risk_coverage import compute_risk_coverage
from train.evaluation.score_intervals import compute_score_intervals
from train.evaluation.significance import adjust_p_values, compute_mcnemar
from train.models.models import build_model
from train.reports.cost import measure_inference
from train.specs import ModelSpec

NAMES = ("ant", "bee", "cow", "doe")


def predictions(count: int, seed: int, copies: int = 1) -> pd.DataFrame:
    """Rows of a model that is right more often than not; every image has `copies` in its group."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, len(NAMES), count)
    logits = random.normal(size=(count, len(NAMES))) + 2 * np.eye(len(NAMES))[truth]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = pd.DataFrame(chances, columns=[f"p:{name}" for name in NAMES])
    rows.insert(0, "predicted", np.array(NAMES)[chances.argmax(axis=1)])
    rows.insert(0, "true", np.array(NAMES)[truth])
    rows.insert(0, "group", [f"g{number}" for number in range(count)])
    return pd.concat([rows] * copies, ignore_index=True)


def test_the_class_is_among_the_first_three() -> None:
    rows = predictions(60, 0)
    chances = rows[[f"p:{name}" for name in NAMES]].to_numpy(np.float32).copy()
    truth = rows["true"].map(NAMES.index).to_numpy().copy()
    ((k, share),) = evaluate(chances, truth, NAMES).top_k  # of 4 classes, 5 are not asked for
    assert k == 3
    assert share == pytest.approx(top_k_accuracy_score(truth, chances, k=3))
    assert evaluate(chances[:, :3] + 0.1, truth % 3, NAMES[:3]).top_k == ()


def test_errors_among_the_surest() -> None:
    curve = compute_risk_coverage([0.6, 0.9, 0.8, 0.7], [False, True, True, False])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.risk.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert curve.find_coverage(0.05) == (0.5, 0.8)
    assert curve.find_coverage(1 / 3) == (0.75, 0.7)
    assert compute_risk_coverage([0.9], [False]).find_coverage(0.05) == (0.0, 1.0)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_order_of_equally_sure_images_changes_no_risk(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    confidence = random.choice([0.5, 0.7, 0.9], count)
    correct = random.random(count) < 0.6
    turned = random.permutation(count)
    one, two = (
        compute_risk_coverage(confidence, correct),
        compute_risk_coverage(confidence[turned], correct[turned]),
    )
    assert one.risk == pytest.approx(two.risk)
    assert one.risk[-1] == pytest.approx(1 - correct.mean())


def test_intervals_hold_the_scores_that_scikit_learn_counts() -> None:
    rows = predictions(80, 1)
    found = compute_score_intervals(rows)
    chances = rows[[f"p:{name}" for name in NAMES]].to_numpy()
    expected = {
        "balanced accuracy": balanced_accuracy_score(rows["true"], rows["predicted"]),
        "macro F1": f1_score(rows["true"], rows["predicted"], average="macro"),
        "log-loss": log_loss(rows["true"], chances, labels=list(NAMES)),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].estimate == pytest.approx(value)
        assert found[name].low < value < found[name].high


def test_copies_make_no_score_more_certain() -> None:
    alone, copied = (
        compute_score_intervals(predictions(50, 2)),
        compute_score_intervals(predictions(50, 2, 8)),
    )
    for name, interval in alone.items():
        assert copied[name].low == pytest.approx(interval.low)
        assert copied[name].high == pytest.approx(interval.high)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 20))
def test_mcnemar_is_the_binomial_test_of_what_differs(won: int, lost: int, same: int) -> None:
    first = np.array([True] * won + [False] * lost + [True] * same, dtype=bool)
    second = np.array([False] * won + [True] * lost + [True] * same, dtype=bool)
    found = compute_mcnemar(first, second, np.arange(len(first)))
    assert (found.first_alone, found.second_alone) == (won, lost)
    expected = binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert found.p_value == pytest.approx(expected)


def test_six_of_forty_all_one_way_are_the_fewest_that_tell() -> None:
    for count, tells in ((5, False), (6, True)):
        first = np.arange(40) < count
        found = compute_mcnemar(first, np.zeros(40, dtype=bool), np.arange(40))
        assert (found.p_value < 0.05) == tells
    copies = compute_mcnemar(
        np.arange(40) < 6, np.zeros(40, dtype=bool), np.maximum(np.arange(40), 5)
    )
    assert (copies.first_alone, copies.p_value) == (1, 1.0)


def test_holm_as_in_his_paper_s_way() -> None:
    assert adjust_p_values([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust_p_values([0.6, 0.7]) == [1.0, 1.0]
    assert adjust_p_values([]) == []


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusting_keeps_the_order_and_makes_nothing_smaller(p_values: list[float]) -> None:
    adjusted = adjust_p_values(p_values)
    assert all(new >= old for new, old in zip(adjusted, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_multiplications_are_counted_as_by_hand() -> None:
    spec = ModelSpec(
        "cnn", weights=RANDOM, model_args={"widths": [4], "batch_norm": "none"}, input_size=8
    )
    model = build_model(spec, 3)
    found = measure_inference(model.classifier, model.backbone.preprocessing)
    # One 3 x 3 convolution from 3 to 4 channels on 8 x 8 pixels, and a linear head.
    assert found["macs"] == 8 * 8 * 4 * 3 * 9 + 4 * 3
    assert found["milliseconds"] > 0
    assert found["images_per_second"] > 0
    assert found["device"] in {"cpu", "cuda"}
    assert not next(model.classifier.parameters()).is_inference()
    assert isinstance(model.classifier(torch.zeros(1, 3, 8, 8)), torch.Tensor)
