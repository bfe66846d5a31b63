"""Queries as annotators: their reliability is found without answers, and weighs no more than it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.open_set.query_evidence import QueryEvidence, estimate_query

CLASSES = 4


def planted_pool(
    random: np.random.Generator, count: int, right: float, none: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Calibrated beliefs, votes and truth: half of the images show none of the classes."""
    sharp = random.dirichlet(np.full(CLASSES, 0.15), count)
    known = random.beta(0.6, 0.6, count)
    beliefs = np.column_stack([sharp * known[:, None], 1 - known])
    truth = np.array([random.choice(CLASSES + 1, p=row) for row in beliefs])
    teacher = beliefs[:, :-1].argmax(axis=1)
    meant = np.where(truth < CLASSES, truth, teacher)
    says = random.random(count) < np.where(truth < CLASSES, right, none)
    other = (meant + random.integers(1, CLASSES, count)) % CLASSES
    votes = np.zeros_like(beliefs, dtype=bool)
    votes[np.arange(count), np.where(says, meant, other)] = True
    return beliefs, votes, truth


def one_hot(truth: np.ndarray) -> np.ndarray:
    return np.eye(CLASSES + 1)[truth]


@pytest.mark.parametrize(("right", "none"), [(0.95, 0.6), (0.8, 0.5), (0.6, 0.3)])
def test_what_a_query_is_worth_is_found_without_answers(right: float, none: float) -> None:
    random = np.random.default_rng(0)
    beliefs, votes, _ = planted_pool(random, 4000, right, none)
    nothing = np.zeros(len(votes), dtype=bool)
    found = estimate_query(beliefs, votes, np.zeros_like(beliefs), nothing)
    assert found.when_right == pytest.approx(right, abs=0.05)
    assert found.when_none == pytest.approx(none, abs=0.1)
    assert found.answers == 0


def test_weighed_beliefs_are_calibrated() -> None:
    random = np.random.default_rng(1)
    beliefs, votes, truth = planted_pool(random, 8000, 0.85, 0.5)
    nothing = np.zeros(len(votes), dtype=bool)
    found = estimate_query(beliefs, votes, np.zeros_like(beliefs), nothing)
    weighed = found.weigh(beliefs, votes)
    best = weighed[:, :-1].argmax(axis=1)
    chance = weighed[np.arange(len(best)), best]
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.0)):
        part = (chance >= low) & (chance < high)
        assert (best == truth)[part].mean() == pytest.approx(chance[part].mean(), abs=0.05)
    # The query tells more right images apart than the teacher alone.
    assert (chance > 0.95).sum() > (beliefs[:, :-1].max(axis=1) > 0.95).sum()


def test_answers_correct_what_the_pool_says() -> None:
    """Look-alikes that share a query fool the teacher; people see them."""
    random = np.random.default_rng(2)
    beliefs, votes, truth = planted_pool(random, 2000, 0.9, 0.95)
    fooled = beliefs.copy()  # the teacher takes half of the strange for what they look like
    strange = (truth == CLASSES) & (random.random(2000) < 0.5)
    fooled[strange, :-1] *= 0.9 / np.maximum(fooled[strange, :-1].sum(axis=1, keepdims=True), 1e-9)
    fooled[strange, -1] = 0.1
    nothing = np.zeros(2000, dtype=bool)
    before = estimate_query(fooled, votes, one_hot(truth), nothing)
    after = estimate_query(fooled, votes, one_hot(truth), np.arange(2000) < 400)
    assert after.answers == 400
    assert abs(after.when_none - 0.95) < abs(before.when_none - 0.95)


@given(
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    st.sets(st.integers(0, 2)),
    st.floats(0.1, 0.98),
    st.floats(0.02, 1),
)
def test_a_query_never_speaks_against_what_it_names(
    parts: list[float], named: set[int], right: float, share: float
) -> None:
    beliefs = np.array([parts]) / sum(parts)
    votes = np.array([[index in named for index in range(3)]])
    evidence = QueryEvidence(max(right, 0.5), max(right, 0.5) * share)
    weighed = evidence.weigh(beliefs, votes)
    assert weighed.sum() == pytest.approx(1)
    if not named:
        assert weighed == pytest.approx(beliefs)
    teacher = int(beliefs[0, :-1].argmax())
    if named == {teacher}:
        assert weighed[0, teacher] >= beliefs[0, teacher] - 1e-12
    if named == {2}:  # a query for the background
        assert weighed[0, 2] >= beliefs[0, 2] - 1e-12


def test_no_votes_leave_the_priors() -> None:
    nothing = np.zeros((3, 3), dtype=bool)
    found = estimate_query(np.full((3, 3), 1 / 3), nothing, np.zeros((3, 3)), nothing[:, 0])
    assert (found.when_right, found.when_none) == (pytest.approx(0.8), pytest.approx(0.5))
