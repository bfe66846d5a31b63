"""The audit's test: exact, valid at every look, and as short as exact sampling allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.arrays import Float64Array
from labeling.audit.sequential_test import (
    bound_errors,
    compute_boundary,
    compute_round_delta,
    compute_target_boundary,
    compute_total_delta,
    count_answers_needed,
    count_tolerable_errors,
)
from labeling.audit.target import DELTA, TARGET
from labeling.teacher.labelled import BoolArray, IntArray

POOLS = 10_000


def false_certificate_chance(accepted: int, wrong: int, boundary: IntArray) -> float:
    """Sum the probabilities of all orders that ever reach the boundary, exactly."""
    alive: Float64Array = np.zeros(len(boundary) + 1)
    alive[0] = 1.0
    stopped = 0.0
    errors = np.arange(len(alive))
    for answers in range(accepted + 1):
        certified = np.append(answers >= boundary, False)
        stopped += alive[certified].sum()
        alive = np.where(certified, 0.0, alive)
        if answers == accepted:
            break
        next_wrong = np.clip((wrong - errors) / (accepted - answers), 0, 1)
        moved = alive * next_wrong
        alive = alive - moved
        alive[1:] += moved[:-1]  # more errors than the last are as good as never
    return stopped


def first_certified(order: BoolArray, boundary: IntArray) -> IntArray:
    """After how many answers each of the pools is certified, one past its size for never.

    Args:
        order: shape (pools, accepted), whether the images are wrong, in the order of the answers.
        boundary: see `compute_target_boundary`.
    """
    counts = order.cumsum(axis=1)
    never = order.shape[1] + 1
    needed = np.append(boundary, never)[np.minimum(counts, len(boundary))]
    passed = np.arange(1, never) >= needed
    return np.where(passed.any(axis=1), passed.argmax(axis=1) + 1, never)


def shuffled_pools(accepted: int, wrong: int, seed: int) -> BoolArray:
    random = np.random.default_rng(seed)
    ranks = random.random((POOLS, accepted)).argsort(axis=1)
    return ranks < wrong


@pytest.mark.parametrize(("accepted", "answers"), [(25, 19), (60, 31), (200, 47)])
def test_so_many_answers_without_an_error_certify_95_percent(accepted: int, answers: int) -> None:
    assert count_answers_needed(accepted, TARGET) == answers
    tolerable = count_tolerable_errors(accepted, TARGET)
    assert bound_errors(accepted, np.ones(answers, bool), TARGET) <= tolerable
    assert bound_errors(accepted, np.ones(answers - 1, bool), TARGET) > tolerable


def test_no_set_is_so_large_that_59_do_not_suffice() -> None:
    assert [count_answers_needed(n, TARGET) for n in (1, 2, 10, 300, 3000, 50_000)] == [
        1, 2, 10, 51, 58, 59,
    ]  # fmt: skip
    assert 290 < (count_answers_needed(20_000, 0.99) or 0) <= 301


def test_errors_cost_answers_and_too_many_rule_the_target_out() -> None:
    needed = [count_answers_needed(200, TARGET, wrong) for wrong in range(12)]
    assert needed[:3] == [47, 112, 134]
    assert needed[:10] == sorted(needed[:10])
    assert needed[11] is None
    assert count_answers_needed(3, TARGET, 1) is None


def test_an_answered_set_is_known_exactly() -> None:
    """30 accepted, all answered, one wrong: 0.967."""
    right = np.arange(30) != 7
    assert bound_errors(30, right, TARGET) == 1
    assert bound_errors(30, np.ones(30, bool), TARGET) == 0
    assert bound_errors(200, np.zeros(0, bool), TARGET) == 200


@pytest.mark.parametrize("target", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_exact_chance_of_a_false_certificate_is_within_delta(target: float) -> None:
    """Every set of up to 60 images, with any number of wrong ones that breaks the target."""
    for accepted in (1, 2, 3, 5, 8, 13, 25, 37, 60):
        boundary = compute_target_boundary(accepted, target)
        least = count_tolerable_errors(accepted, target) + 1
        chances = [
            false_certificate_chance(accepted, wrong, boundary)
            for wrong in range(least, accepted + 1)
        ]
        assert max(chances, default=0.0) <= DELTA + 1e-9
        assert chances == sorted(chances, reverse=True)


@given(st.integers(1, 400), st.floats(0.5, 0.99), st.floats(0.001, 0.2))
def test_the_chance_is_within_any_delta_at_the_edge(
    accepted: int, target: float, delta: float
) -> None:
    boundary = compute_target_boundary(accepted, target, delta)
    least = count_tolerable_errors(accepted, target) + 1
    if least <= accepted:
        assert false_certificate_chance(accepted, least, boundary) <= delta + 1e-9
    assert (np.diff(boundary) >= 0).all()


@given(st.data())
def test_the_bound_holds_what_is_there_whenever_all_is_answered(data: st.DataObject) -> None:
    right = np.array(data.draw(st.lists(st.booleans(), min_size=1, max_size=80)))
    assert bound_errors(len(right), right, TARGET) == (~right).sum()
    for look in range(len(right) + 1):
        wrong = (~right[:look]).sum()
        assert wrong <= bound_errors(len(right), right[:look], TARGET) <= len(right) - look + wrong


@pytest.mark.parametrize(("accepted", "wrong"), [(25, 2), (60, 4), (200, 11), (600, 31)])
def test_10000_pools_just_below_the_target_are_certified_in_5_percent_at_most(
    accepted: int, wrong: int
) -> None:
    """The reviewer looks after every answer, and stops at the first certificate."""
    order = shuffled_pools(accepted, wrong, seed=accepted)
    stopped = first_certified(order, compute_target_boundary(accepted, TARGET))
    assert (stopped <= accepted).mean() <= DELTA + 3 * np.sqrt(DELTA / POOLS)


def test_the_bound_is_too_low_in_5_percent_of_pools_at_most() -> None:
    """At any look, and for any precision that the bound may name."""
    for wrong in (0, 1, 3, 10, 30):
        order = shuffled_pools(100, wrong, seed=wrong)[:400]
        broken = [
            any(bound_errors(100, ~row[:look], TARGET) < wrong for look in range(5, 101, 5))
            for row in order
        ]
        assert np.mean(broken) <= DELTA + 3 * np.sqrt(DELTA / len(order))


@pytest.mark.parametrize(("accepted", "median"), [(25, 19), (60, 31), (200, 47)])
def test_pools_that_are_99_percent_right_take_this_many_answers(accepted: int, median: int) -> None:
    random = np.random.default_rng(0)
    order = random.random((POOLS, accepted)) < 0.01
    stopped = first_certified(order, compute_target_boundary(accepted, TARGET))
    assert np.median(stopped) == median


def test_all_of_a_large_audit_is_certified_where_it_is_right_enough() -> None:
    """400 answers at a true precision of 0.99; tests from the surest part on reached 0.74."""
    order = shuffled_pools(2000, 20, seed=5)
    stopped = first_certified(order, compute_target_boundary(2000, TARGET))
    assert (stopped <= 400).mean() > 0.95


def test_repeated_audits_take_less_and_less_risk() -> None:
    deltas = [compute_round_delta(number) for number in range(1, 200)]
    assert deltas[:3] == pytest.approx([0.05, 0.025, 0.05 / 6])
    assert sum(deltas) < 2 * DELTA
    assert compute_total_delta(199) == pytest.approx(sum(deltas))


def test_a_crop_of_the_looks_changes_no_boundary_within_it() -> None:
    whole = compute_boundary(500, 26, DELTA, 6, 500)
    part = compute_boundary(500, 26, DELTA, 6, 256)
    assert (whole[whole <= 256] == part[part <= 256]).all()
