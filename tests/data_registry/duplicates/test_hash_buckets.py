"""Images of the same hashes: searched once for all of them, and found as if each had been."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_registry.duplicates import hamming, hash_buckets, near_duplicates
from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.near_duplicates import (
    Fingerprints,
    find_duplicates_between,
    find_duplicates_of_new,
    find_near_duplicates,
)

Values = list[tuple[list[int], list[int]]]

# few enough values that images share one hash, both, or neither, and turn into one another
few = st.sampled_from([0, 1, 0b111, 0xFF, 0xFFFF, 0xFFFFFF, 2**63, 2**64 - 1])
turns = st.lists(few, min_size=8, max_size=8)
crowded = st.lists(st.tuples(turns, turns), max_size=14)
radii = st.builds(Radii, st.sampled_from([0, 2, 8, 13, 20]), st.integers(0, 20))


def fingerprints(values: Values) -> Fingerprints:
    def matrix(k: int) -> np.ndarray:
        return np.array([v[k] for v in values], dtype=np.uint64).reshape(-1, 8)

    return Fingerprints(tuple(f"{i:02}" for i in range(len(values))), matrix(0), matrix(1))


def one_by_one(values: Values, radii: Radii) -> set[tuple[str, str, float]]:
    """Every pair of images, the nearest of its sixteen ways."""
    found: dict[tuple[str, str], float] = {}
    for i, left in enumerate(values):
        for j, right in enumerate(values):
            for k in range(8):
                distance = (left[0][k] ^ right[0][0]).bit_count()
                confirmed = (left[1][k] ^ right[1][0]).bit_count() <= radii.dhash
                if i != j and distance <= radii.phash and confirmed:
                    pair = (f"{min(i, j):02}", f"{max(i, j):02}")
                    found[pair] = min(distance, found.get(pair, 64))
    return {(*pair, float(distance)) for pair, distance in found.items()}


@given(crowded, radii)
def test_crowds_of_either_hash_are_found_as_one_by_one(values: Values, radii: Radii) -> None:
    every = fingerprints(values)
    assert set(find_near_duplicates(every, every, radii)) == one_by_one(values, radii)


@settings(max_examples=40)
@given(crowded, radii, st.integers(1, 9))
def test_portions_change_nothing(values: Values, radii: Radii, compared: int) -> None:
    every = fingerprints(values)
    whole = find_near_duplicates(every, every, radii)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "QUERIES_AT_A_TIME", compared)
        patch.setattr(hamming, "FOUND_AT_A_TIME", compared)
        patch.setattr(hamming, "COMPARED_AT_A_TIME", compared)
        patch.setattr(hash_buckets, "COMPARED_AT_A_TIME", compared)
        patch.setattr(near_duplicates, "COMPARED_AT_A_TIME", compared)  # an index of few images
        assert find_near_duplicates(every, every, radii) == whole


@settings(max_examples=40)
@given(crowded, radii, st.lists(st.integers(0, 2), min_size=14, max_size=14))
def test_the_order_in_which_images_come_changes_nothing(
    values: Values, radii: Radii, comes: list[int]
) -> None:
    """In three batches, each new among those before it: the same pairs at the same distances.

    The batches are searched by an index of whichever side is greater, all of them by a plain scan.
    """
    every = fingerprints(values)
    batch = np.array(comes[: len(values)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "COMPARED_AT_A_TIME", 0)
        found = [
            pair
            for n in range(3)
            for pair in find_duplicates_of_new(
                every.select(batch == n), every.select(batch < n), radii
            )
        ]
    assert sorted(found) == find_near_duplicates(every, every, radii)


@given(crowded, radii, st.integers(0, 14))
def test_between_two_sets_it_does_not_matter_which_is_named_first(
    values: Values, radii: Radii, size: int
) -> None:
    every = fingerprints(values)
    first = np.arange(len(values)) < size
    one, other = every.select(first), every.select(~first)
    assert find_duplicates_between(one, other, radii) == find_duplicates_between(other, one, radii)


def test_a_pair_that_is_near_in_one_way_only_is_found_from_both_sides() -> None:
    far = [0xFFFF << (8 * k) & (2**64 - 1) for k in range(7)]
    old, new = ([1 << 60, *far], [0] * 8), ([2**64 - 1, *far], [0] * 8)
    old[0][3] = new[0][0]
    every = fingerprints([old, new])
    one, other = every.select(np.array([True, False])), every.select(np.array([False, True]))
    assert find_near_duplicates(other, one, Radii()) == []
    assert find_duplicates_of_new(other, one, Radii()) == [("00", "01", 0.0)]


def test_a_crowd_of_one_phash_and_many_dhashes_is_compared_in_portions() -> None:
    """2,000 images share a pHash and nothing else, but for ten planted copies."""
    rng = np.random.default_rng(0)
    phash = rng.integers(0, 2**64, (2000, 8), dtype=np.uint64)
    dhash = rng.integers(0, 2**64, (2000, 8), dtype=np.uint64)
    phash[:] = phash[0]
    dhash[-10:, 0] = dhash[:10, 0] ^ np.uint64(0b1011)
    every = Fingerprints(tuple(f"{i:04}" for i in range(2000)), phash, dhash)
    assert len(every) ** 2 > hash_buckets.COMPARED_AT_A_TIME
    found = find_near_duplicates(every, every, Radii(8, 4))
    assert {(f"{i:04}", f"{1990 + i:04}", 0.0) for i in range(10)} <= set(found)
    assert len(found) < 20
