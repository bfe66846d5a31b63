"""Answers lower estimates that are too high, and never raise any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from labeling.open_set.correction import fit_correction, shift_chances


def test_estimates_that_are_too_high_are_found() -> None:
    random = np.random.default_rng(0)
    chances = random.uniform(0.3, 0.99, 400)
    right = random.random(400) < expit(logit(chances) - 1.5)
    assert fit_correction(chances, right) == pytest.approx(-1.5, abs=0.35)


def test_calibrated_estimates_stay_nearly_as_they_are() -> None:
    random = np.random.default_rng(1)
    shifts = []
    for _ in range(200):
        chances = random.uniform(0.3, 0.99, 100)
        shifts.append(fit_correction(chances, random.random(100) < chances))
    assert np.mean(shifts) > -0.15


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=20))
def test_no_answer_raises_an_estimate(answers: list[tuple[float, bool]]) -> None:
    chances = np.array([chance for chance, _ in answers])
    right = np.array([is_right for _, is_right in answers], dtype=bool)
    shift = fit_correction(chances, right)
    assert -4 <= shift <= 0
    some = np.linspace(0, 1, 7)
    assert (shift_chances(some, shift) <= some + 1e-7).all()
    assert (np.diff(shift_chances(some, shift)) >= 0).all()


def test_without_answers_nothing_changes() -> None:
    assert fit_correction(np.zeros(0), np.zeros(0, dtype=bool)) == 0
    chances = np.array([0.0, 0.3, 1.0])
    assert shift_chances(chances, 0.0) is chances
