"""Label propagation: clusters are named as a whole, and nobody vouches for itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labeling.open_set.propagation import build_graph, propagate_beliefs

EACH, WIDTH = 40, 16


def two_clusters(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = np.repeat(np.eye(WIDTH)[:2], EACH, axis=0)
    vectors = centres + 0.1 * random.normal(size=(2 * EACH, WIDTH))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def spread(vectors: np.ndarray, named: dict[int, int], folds: np.ndarray) -> np.ndarray:
    count = len(vectors)
    known = np.zeros((count, 2))
    is_known = np.zeros(count, dtype=bool)
    for index, cluster in named.items():
        known[index, cluster], is_known[index] = 1.0, True
    beliefs = np.full((count, 2), 0.5)
    families = np.arange(count)
    return propagate_beliefs(
        vectors, families, beliefs, known=known, folds=folds, is_known=is_known
    )


@given(st.integers(0, 20))
def test_a_few_labels_name_their_clusters(seed: int) -> None:
    folds = np.arange(2 * EACH) % 2
    found = spread(two_clusters(seed), {0: 0, 1: 0, EACH: 1, EACH + 1: 1}, folds)
    assert np.allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == np.repeat([0, 1], EACH)).mean() > 0.9


@given(st.integers(0, 20), st.integers(0, EACH - 1))
def test_an_images_own_label_has_no_say_in_its_own_belief(seed: int, index: int) -> None:
    vectors, folds = two_clusters(seed), np.arange(2 * EACH) % 2
    others = {place: 0 for place in range(0, EACH, 5) if place != index} | {EACH: 1, EACH + 3: 1}
    right = spread(vectors, {**others, index: 0}, folds)
    wrong = spread(vectors, {**others, index: 1}, folds)
    assert np.allclose(right[index], wrong[index])
    assert not np.allclose(right, wrong)  # but others hear it


def test_duplicates_are_no_neighbours() -> None:
    vectors = np.repeat(two_clusters(0)[:20], 2, axis=0)
    graph = build_graph(vectors, np.repeat(np.arange(20), 2))
    assert all(graph[2 * pair, 2 * pair + 1] == 0 for pair in range(20))
    alone = build_graph(vectors, np.arange(40))
    assert all(alone[2 * pair, 2 * pair + 1] > 0 for pair in range(20))


def test_a_graph_of_few_images_has_fewer_neighbours() -> None:
    assert build_graph(two_clusters(0)[:3], np.arange(3)).shape == (3, 3)
