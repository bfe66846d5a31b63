"""Every other threshold of a round, and how far the teacher is to be believed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_pictures import Bay, jpeg, settings, unlike_anything

from labeling.diagnostics.reliability import (
    build_out_of_fold,
    compute_bin_calibration_error,
    compute_reliability_bins,
    compute_risk_coverage,
)
from labeling.diagnostics.thresholds import Thresholds, compute_thresholds
from labeling.rounds.label import DecidedRound, build_policy, compute_round_caps, label_round
from labeling.rounds.label_settings import LabelSettings


def open_pool(bay: Bay, folder: Path, strange: int = 40) -> None:
    """Enough labelled and pool images for an estimate."""
    bay.label(folder, per_class=16)
    for place, name in enumerate(("blue", "green", "red")):
        pictures = [jpeg(name, 5000 + 100 * place + number) for number in range(22)]
        bay.collect(pictures, name if place else "")
    bay.collect([unlike_anything(number) for number in range(strange)])


def all_of(labelled: DecidedRound, how: LabelSettings) -> Thresholds:
    found = labelled.round
    return compute_thresholds(
        found, build_policy(found, how), labelled.decisions, compute_round_caps(found, how)
    )


@pytest.mark.parametrize("policy", ["certified", "threshold"])
@pytest.mark.parametrize("most_times", [0, 1])
def test_the_standing_step_is_what_the_round_decided(
    bay: Bay, tmp_path: Path, policy: str, most_times: float
) -> None:
    open_pool(bay, tmp_path / "set")
    queries = {"green": "green", "red": "blue"}
    how = replace(
        settings(threshold=0.8, class_of_query=queries), policy=policy, most_times=most_times
    )
    labelled = label_round(bay.registry, how)
    found = all_of(labelled, how)
    standing = found.steps[found.standing]
    assert dict(standing.accepted) == labelled.summary.accepted
    assert standing.count > 0
    assert found.estimated == (policy == "certified")
    if found.estimated:
        assert standing.precision == pytest.approx(labelled.summary.estimated)
    counts = [step.count for step in found.steps]
    assert counts[0] == 0
    assert counts == sorted(counts)
    for step in found.steps[1:]:
        if step.precision is not None:
            assert step.low <= step.precision <= step.high
    # What a query's veto or the gate turned away comes back with no threshold.
    names = {item.sha256 for item in found.candidates}
    out = {i.sha256 for i in labelled.decisions if i.verdict == "rejected"}
    out |= {i.sha256 for i in labelled.decisions if i.reason == "query-disagrees"}
    assert out
    assert not names & out
    if most_times:
        assert max(found.steps[-1].accepted.values()) == max(found.most.values()) == 16


def test_an_empty_pool_has_one_step(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set")
    labelled = label_round(bay.registry, settings())
    found = all_of(labelled, settings())
    assert [(step.count, step.precision) for step in found.steps] == [(0, None)]


def test_out_of_fold_confidence_before_calibration_is_that_of_the_logits(
    bay: Bay, tmp_path: Path
) -> None:
    bay.label(tmp_path / "set")
    found = label_round(bay.registry, settings()).round
    said = build_out_of_fold(found)
    assert len(said.confidence) == 24
    warmer = found.teacher.temperature > 1
    assert ((said.uncalibrated >= said.confidence - 1e-9) == warmer).all()
    one = replace(found, teacher=replace(found.teacher, temperature=1.0))
    assert np.allclose(build_out_of_fold(one).uncalibrated, said.confidence)


@given(
    st.lists(
        st.tuples(st.floats(0.2, 1), st.booleans(), st.floats(0.1, 1)), min_size=1, max_size=60
    )
)
def test_bins_hold_everything_once(rows: list[tuple[float, bool, float]]) -> None:
    confidence, right, weights = (np.array(column) for column in zip(*rows, strict=True))
    bins = compute_reliability_bins(confidence, right, weights)
    assert sum(item.images for item in bins) == pytest.approx(weights.sum())
    assert (np.diff([item.confidence for item in bins]) >= -1e-12).all()
    total = sum(item.images * item.accuracy for item in bins)
    assert total == pytest.approx((weights * right).sum())
    assert 0 <= compute_bin_calibration_error(bins) <= 1
    trades = compute_risk_coverage(confidence, right, weights)
    assert trades[-1].coverage == pytest.approx(1)
    assert trades[-1].risk == pytest.approx(1 - total / weights.sum())
    assert [trade.coverage for trade in trades] == sorted(trade.coverage for trade in trades)


def test_what_is_calibrated_has_a_small_error_and_overconfidence_a_large_one() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.5, 1, 4000)
    right = random.random(4000) < confidence
    ones = np.ones(4000)
    assert compute_bin_calibration_error(compute_reliability_bins(confidence, right, ones)) < 0.03
    bold = np.sqrt(confidence)
    assert compute_bin_calibration_error(compute_reliability_bins(bold, right, ones)) > 0.08


def test_copies_widen_no_sample() -> None:
    confidence, right = np.full(40, 0.9), np.ones(40, dtype=bool)
    whole = compute_reliability_bins(confidence[:10], right[:10], np.ones(10))
    copied = compute_reliability_bins(confidence, right, np.full(40, 0.25))
    assert sum(item.images for item in copied) == 10
    assert copied[0].low <= whole[0].low + 1e-9
