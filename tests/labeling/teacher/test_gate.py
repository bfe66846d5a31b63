import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_pictures import labelled

from labeling.teacher.gate import fit_gate, normalise_rows


def vectors(count: int, seed: int, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 1, (count, width)).astype(np.float32)


def test_own_group_does_not_count() -> None:
    # Each image has an exact copy in its group; without the rule every distance would be 0.
    alone = vectors(10, 0)
    groups = [f"group {number}" for number in range(10)]
    single = fit_gate(labelled([0, 1] * 5, groups), alone, 0.9)
    doubled = fit_gate(labelled([0, 1] * 10, groups * 2), np.vstack([alone, alone]), 0.9)
    assert single.bound > 0.01
    assert doubled.bound == pytest.approx(single.bound, abs=1e-6)


@given(st.integers(2, 40), st.floats(0.01, 0.99), st.integers(0, 50))
def test_the_quantile_is_what_passes_and_no_more_than_needed(
    count: int, quantile: float, seed: int
) -> None:
    features = vectors(count, seed)
    groups = [f"group {number}" for number in range(count)]
    bound = fit_gate(labelled([0, 1] + [0] * (count - 2), groups), features, quantile).bound
    normal = normalise_rows(features).astype(np.float64)
    similarity = normal @ normal.T
    np.fill_diagonal(similarity, -1)
    nearest = 1 - similarity.max(axis=1)
    assert (nearest <= bound + 1e-6).mean() >= quantile
    assert (nearest < bound - 1e-6).mean() < quantile


def test_a_far_image_is_beyond_the_bound_and_a_near_one_within() -> None:
    directions = np.repeat(np.eye(8, dtype=np.float32)[:3], 10, axis=0)
    features = directions + 0.05 * np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    gate = fit_gate(labelled([0, 1, 2] * 10, [str(n) for n in range(30)]), features, 0.95)
    far, near = np.eye(8, dtype=np.float32)[7], 100 * features[3]
    distances = gate.compute_distances(np.stack([far, near]))
    assert distances[0] > gate.bound >= distances[1] == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 100), st.floats(0.01, 1000))
def test_distances_do_not_depend_on_length_and_stay_in_range(seed: int, scale: float) -> None:
    gate = fit_gate(labelled([0, 1] * 4, [str(n) for n in range(8)]), vectors(8, seed), 0.9)
    asked = vectors(5, seed + 1) - 1
    distances = gate.compute_distances(asked)
    assert distances.shape == (5,)
    assert ((distances >= 0) & (distances <= 2 + 1e-6)).all()
    assert gate.compute_distances((scale * asked).astype(np.float32)) == pytest.approx(
        distances, abs=1e-5
    )


def test_an_image_without_features_is_like_nothing() -> None:
    gate = fit_gate(labelled([0, 1] * 4, [str(n) for n in range(8)]), vectors(8, 0), 0.9)
    assert gate.compute_distances(np.zeros((1, 6), dtype=np.float32)) == pytest.approx([1.0])
