"""The indexed search finds exactly what comparing every pair finds."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_registry.duplicates import hamming
from data_registry.duplicates.hamming import LARGEST_INDEXED_RADIUS, HashIndex

words = st.integers(0, 2**64 - 1)
# near one another, so that there is something to find
clustered = st.builds(
    lambda base, flips: base ^ sum(1 << bit for bit in flips),
    st.sampled_from([0, 2**64 - 1, 0x0123456789ABCDEF]),
    st.sets(st.integers(0, 63), max_size=14),
)
hashes = st.lists(st.one_of(words, clustered), max_size=40)

Found = set[tuple[int, int, int]]


def array(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def found_by(index: HashIndex, queries: list[int]) -> list[tuple[int, int, int]]:
    return [
        (int(i), int(j), int(d))
        for pairs in index.search(array(queries))
        for i, j, d in zip(pairs.query, pairs.indexed, pairs.distance, strict=True)
    ]


def one_by_one(queries: list[int], indexed: list[int], radius: int) -> Found:
    return {
        (i, j, (a ^ b).bit_count())
        for i, a in enumerate(queries)
        for j, b in enumerate(indexed)
        if (a ^ b).bit_count() <= radius
    }


@given(hashes, hashes, st.integers(0, 20))
@example([0], [2**13 - 1], 12)
@example([0] * 9, [0] * 9, 0)
def test_every_pair_within_the_radius_once(
    queries: list[int], indexed: list[int], radius: int
) -> None:
    index = HashIndex(array(indexed), radius)
    found = found_by(index, queries)
    assert set(found) == one_by_one(queries, indexed, radius)
    assert len(found) == len(set(found))
    indexed_search = radius <= LARGEST_INDEXED_RADIUS
    assert index.method == ("multi-index" if indexed_search else "every pair compared")


@pytest.mark.parametrize("radius", [0, 3, 8, 12, 13])
def test_thousands_of_planted_neighbours(radius: int) -> None:
    rng = np.random.default_rng(radius)
    indexed = rng.integers(0, 2**64, 20_000, dtype=np.uint64)
    planted = rng.integers(0, len(indexed), 2000)
    queries = indexed[planted].copy()
    for row in range(len(queries)):
        flips = rng.choice(64, rng.integers(0, radius + 1), replace=False)
        queries[row] ^= np.bitwise_or.reduce(np.uint64(1) << flips.astype(np.uint64), initial=0)
    portions = list(HashIndex(indexed, radius).search(queries))
    found = {(int(i), int(j)) for each in portions for i, j in zip(each.query, each.indexed)}  # noqa: B905
    assert found >= set(enumerate(planted.tolist()))


@given(hashes, st.integers(1, 9), st.integers(1, 9))
def test_portions_change_nothing(values: list[int], queries: int, compared: int) -> None:
    whole = found_by(HashIndex(array(values), 8), values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "QUERIES_AT_A_TIME", queries)
        patch.setattr(hamming, "COMPARED_AT_A_TIME", compared)
        assert sorted(found_by(HashIndex(array(values), 8), values)) == sorted(whole)


def test_memory_stays_bounded_where_all_hashes_share_a_part() -> None:
    """A bucket with everything in it is compared in portions."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**20, 6000, dtype=np.uint64) << np.uint64(21)
    portions = [len(pairs) for pairs in HashIndex(values, 2).search(values)]
    assert max(portions) <= hamming.COMPARED_AT_A_TIME
    assert sum(portions) >= len(values)


def test_nothing_indexed_and_nothing_asked() -> None:
    assert found_by(HashIndex(array([]), 8), [1, 2]) == []
    assert found_by(HashIndex(array([1, 2]), 8), []) == []
