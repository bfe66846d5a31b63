import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.labels.decisions import Prediction
from data_registry.vocabulary import Verdict
from labeling.policy.policy import Policy

SHA, OTHER = "a" * 64, "b" * 64
POLICY = Policy(threshold=0.95, gate_bound=0.4)


def prediction(confidence: float, distance: float = 0.1) -> Prediction:
    return Prediction(SHA, {"crab": confidence, "ibis": 1 - confidence}, distance)


def test_what_the_teacher_is_sure_of_is_accepted() -> None:
    decision = POLICY.decide("teacher", prediction(0.97), ["crab"])
    assert (decision.verdict, decision.reason) == (Verdict.ACCEPTED, "sure")
    assert decision.detail == "crab at 0.970"
    assert (decision.sha256, decision.teacher_id) == (SHA, "teacher")
    assert (decision.class_name, decision.confidence) == ("crab", 0.97)
    assert decision.policy == "threshold 0.95, query must agree"


def test_the_threshold_is_inclusive() -> None:
    assert POLICY.decide("teacher", prediction(0.95)).verdict == Verdict.ACCEPTED
    below = POLICY.decide("teacher", prediction(math.nextafter(0.95, 0)))
    assert (below.verdict, below.reason) == (Verdict.REVIEW, "below-threshold")


def test_an_unsure_prediction_is_reviewed() -> None:
    decision = POLICY.decide("teacher", prediction(0.7))
    assert (decision.verdict, decision.reason) == (Verdict.REVIEW, "below-threshold")
    assert decision.detail == "crab at 0.700, below 0.95"


def test_an_image_like_nothing_labelled_is_rejected_however_sure_the_teacher_is() -> None:
    decision = POLICY.decide("teacher", prediction(0.99, distance=0.41))
    assert (decision.verdict, decision.reason) == (Verdict.REJECTED, "unlike-labelled")
    assert decision.detail == "0.410 from the nearest labelled image, beyond 0.400"


def test_the_gate_lets_its_bound_pass() -> None:
    assert POLICY.decide("teacher", prediction(0.99, distance=0.4)).verdict == Verdict.ACCEPTED


def test_a_query_for_another_class_sends_it_to_review() -> None:
    decision = POLICY.decide("teacher", prediction(0.99), ["lotus", "ibis"])
    assert (decision.verdict, decision.reason) == (Verdict.REVIEW, "query-disagrees")
    assert decision.detail == "crab at 0.990, but found by ibis, lotus"


def test_a_query_for_the_background_sends_it_to_review() -> None:
    decision = POLICY.decide("teacher", prediction(0.99), [""])
    assert (decision.verdict, decision.reason) == (Verdict.REVIEW, "query-disagrees")
    assert decision.detail == "crab at 0.990, but found by a background query"


@pytest.mark.parametrize("queries", [[], ["crab"], ["ibis", "crab"]])
def test_no_query_or_one_that_agrees_vetoes_nothing(queries: list[str]) -> None:
    assert POLICY.decide("teacher", prediction(0.99), queries).verdict == Verdict.ACCEPTED


def test_queries_are_heeded_only_where_wanted() -> None:
    policy = Policy(0.95, 0.4, heed_query=False)
    decision = policy.decide("teacher", prediction(0.99), ["ibis"])
    assert (decision.verdict, decision.policy) == (Verdict.ACCEPTED, "threshold 0.95")


def test_a_copy_is_rejected_with_the_place_of_the_better_one() -> None:
    decision = POLICY.decide("teacher", prediction(0.99), ["crab"], OTHER, "test")
    assert (decision.verdict, decision.reason) == (Verdict.REJECTED, "copy")
    assert decision.detail == "copy or near-copy of bbbbbbbbbbbb in test"


@given(
    st.floats(0.5, 1),
    st.floats(0, 2),
    st.sets(st.sampled_from(["crab", "ibis"])),
    st.sampled_from(["test", "val", "train", "pool"]),
)
def test_a_copy_is_never_accepted(
    confidence: float, distance: float, queries: set[str], split: str
) -> None:
    copy = POLICY.decide("teacher", prediction(confidence, distance), queries, OTHER, split)
    assert copy.verdict == Verdict.REJECTED


@given(
    st.floats(0.5, 1),
    st.floats(0, 2),
    st.sets(st.sampled_from(["crab", "ibis"])),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
)
def test_a_stricter_threshold_accepts_nothing_more(
    confidence: float, distance: float, queries: set[str], one: float, two: float
) -> None:
    asked = prediction(confidence, distance)
    strict, loose = (
        Policy(threshold, 0.4).decide("teacher", asked, queries).verdict
        for threshold in (max(one, two), min(one, two))
    )
    assert strict != Verdict.ACCEPTED or loose == Verdict.ACCEPTED


def test_a_number_that_is_none_is_never_accepted() -> None:
    assert POLICY.decide("teacher", prediction(0.99, math.nan)).verdict == Verdict.REJECTED
    nothing = Prediction(SHA, {"crab": math.nan, "ibis": math.nan}, 0.1)
    assert POLICY.decide("teacher", nothing).verdict == Verdict.REVIEW
