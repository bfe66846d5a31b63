import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_registry.duplicates import hamming
from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.near_duplicates import Fingerprints, find_near_duplicates

hashes = st.lists(st.integers(0, 2**64 - 1), min_size=8, max_size=8)
images = st.lists(st.tuples(hashes, hashes), min_size=0, max_size=12)


def fingerprints(values: list[tuple[list[int], list[int]]], name: str = "n") -> Fingerprints:
    def matrix(k: int) -> np.ndarray:
        return np.array([v[k] for v in values], dtype=np.uint64).reshape(-1, 8)

    return Fingerprints(tuple(f"{name}{i:02}" for i in range(len(values))), matrix(0), matrix(1))


def nearby(base: int, flips: int) -> int:
    for bit in range(flips):
        base ^= 1 << (bit * 3)
    return base


@given(images, images, st.integers(0, 64), st.integers(0, 64))
def test_the_search_finds_exactly_what_comparing_one_by_one_finds(
    left, right, phash, dhash
) -> None:
    new, known = fingerprints(left, "a"), fingerprints(right, "b")
    expected = {
        (new.sha256[i], known.sha256[j])
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if any(
            (a[0][k] ^ b[0][0]).bit_count() <= phash and (a[1][k] ^ b[1][0]).bit_count() <= dhash
            for k in range(8)
        )
    }
    assert {pair[:2] for pair in find_near_duplicates(new, known, Radii(phash, dhash))} == expected


def test_both_hashes_must_agree_and_in_the_same_orientation() -> None:
    base = [1 << 40, *range(100, 107)]
    known = fingerprints([(base, base)], "k")
    turned = [*range(1000, 1003), base[0], *range(2000, 2004)]
    elsewhere = [*range(1000, 1004), base[0], *range(2000, 2003)]
    assert find_near_duplicates(fingerprints([(turned, turned)]), known, Radii(0, 0))
    assert not find_near_duplicates(fingerprints([(turned, elsewhere)]), known, Radii(0, 0))


def test_the_radius_is_inclusive_and_the_distance_is_told() -> None:
    base = [0] * 8
    for flips, found in ((8, True), (9, False)):
        pair = find_near_duplicates(
            fingerprints([([nearby(0, flips)] * 8, base)], "a"),
            fingerprints([(base, base)], "b"),
            Radii(8, 0),
        )
        assert bool(pair) is found
        assert not found or pair[0][2] == flips


def test_an_image_is_no_copy_of_itself() -> None:
    same = fingerprints([([5] * 8, [5] * 8)])
    assert find_near_duplicates(same, same, Radii()) == []


def test_the_result_does_not_depend_on_the_size_of_the_chunks(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 16, (60, 8)).astype(np.uint64)
    many = Fingerprints(tuple(f"{i:02}" for i in range(60)), values, values)
    whole = find_near_duplicates(many, many, Radii(2, 2))
    monkeypatch.setattr(hamming, "QUERIES_AT_A_TIME", 7)
    monkeypatch.setattr(hamming, "COMPARED_AT_A_TIME", 3)
    assert find_near_duplicates(many, many, Radii(2, 2)) == whole
    assert whole


def test_a_crowd_of_equal_hashes_is_one_group_of_few_pairs() -> None:
    """300 equal images, 3 near them: every one is reached, with pairs that do not grow squarely."""
    rng = np.random.default_rng(1)
    crowd = np.full((300, 8), 2**40 + 7, dtype=np.uint64)
    near = crowd[:3] ^ np.uint64(0b111)
    apart = rng.integers(0, 2**63, (50, 8), dtype=np.uint64)
    values = np.concatenate([crowd, near, apart])
    names = tuple(f"{i:03}" for i in range(len(values)))
    every = Fingerprints(names, values, values)
    pairs = find_near_duplicates(every, every, Radii(8, 12))
    reached = {"000"}
    for _ in range(4):
        reached |= {name for pair in pairs if reached & set(pair[:2]) for name in pair[:2]}
    assert reached == set(names[:303])
    assert len(pairs) < 5 * 303
    assert {distance for *_, distance in pairs} == {0.0, 3.0}


@given(st.integers(1, 40), st.integers(0, 2), st.integers(0, 10**6))
def test_new_images_among_all_find_what_a_search_of_all_finds(
    count: int, radius: int, seed: int
) -> None:
    """What grouping does: the old ones were linked before, the new ones are linked to all."""
    upright = np.random.default_rng(seed).integers(0, 12, (count, 1)).astype(np.uint64)
    values = np.repeat(upright, 8, axis=1)
    every = Fingerprints(tuple(f"{i:02}" for i in range(count)), values, values)
    is_new = np.arange(count) % 3 == 0
    old, new = every.select(~is_new), every.select(is_new)
    radii = Radii(radius, radius)
    in_two = {*find_near_duplicates(old, old, radii), *find_near_duplicates(new, every, radii)}
    assert in_two == set(find_near_duplicates(every, every, radii))
