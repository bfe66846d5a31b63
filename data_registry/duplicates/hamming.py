"""Search 64-bit hashes by Hamming distance, exactly, for sets of a million.

Multi-index search: the 64 bits are cut into parts. Two hashes that differ in at most r bits differ
in few bits of some part (pigeonhole principle: within 8 bits, in at most 2 of one of three parts).
So looking up every way to change that few bits of a part finds every pair. Each hit is then
compared in full.

Source: Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing", CVPR
2012. Beyond radius 12 there are more changes to look up than hashes to compare with, so every pair
is compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from data_registry.images.hashing import HASH_BITS

LARGEST_INDEXED_RADIUS = 12
_PARTS = 3
QUERIES_AT_A_TIME = 1 << 16  # their keys, hashes and distances stay in a processor's cache
COMPARED_AT_A_TIME = 1 << 20
FOUND_AT_A_TIME = 1 << 16  # hits are merged: each portion costs its reader some calls

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
Distances = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pairs:
    """k pairs: indices of the queries and of the indexed hashes, and their distances in bits.

    Attributes:
        query, indexed: shape (k,), int64.
        distance: shape (k,), uint8.
    """

    query: Indices
    indexed: Indices
    distance: Distances

    def __len__(self) -> int:
        return len(self.query)

    def select(self, keep: npt.NDArray[np.bool_]) -> "Pairs":
        """Select the pairs whose entry in `keep`, shape (k,), is true."""
        return Pairs(self.query[keep], self.indexed[keep], self.distance[keep])

    def swap(self) -> "Pairs":
        """Swap queries and indexed hashes."""
        return Pairs(self.indexed, self.query, self.distance)


def describe_search(radius: int) -> str:
    """Describe how hashes within this radius are searched."""
    return "multi-index" if radius <= LARGEST_INDEXED_RADIUS else "every pair compared"


class HashIndex:
    """An index of hashes.

    Args:
        hashes: shape (m,), uint64. Equal hashes are found, but are slow: collapse them first.
        radius: largest distance to search for, in bits.
    """

    def __init__(self, hashes: Hashes, radius: int) -> None:
        self._hashes = hashes
        self._radius = radius
        parts = _cut_into_parts(len(hashes), radius) if radius <= LARGEST_INDEXED_RADIUS else ()
        self._tables = [_Table(hashes, part) for part in parts]

    @property
    def method(self) -> str:
        """Description of the search."""
        return describe_search(self._radius)

    def search(self, queries: Hashes) -> Iterator[Pairs]:
        """Yield every pair of query and indexed hash within the radius, once, in portions."""
        if not self._tables:
            yield from compare_every_pair(queries, self._hashes, self._radius)
            return
        for number, table in enumerate(self._tables):
            earlier = [each.part for each in self._tables[:number]]
            for found in _merge_portions(table.search(queries, self._radius)):
                new = _mark_new_pairs(earlier, queries[found.query] ^ self._hashes[found.indexed])
                yield found.select(new)


def compare_every_pair(queries: Hashes, hashes: Hashes, radius: int) -> Iterator[Pairs]:
    """Find what `HashIndex.search` finds, by comparing each query with each hash."""
    for first in range(0, len(hashes), COMPARED_AT_A_TIME):
        portion = hashes[first : first + COMPARED_AT_A_TIME]
        step = max(1, COMPARED_AT_A_TIME // len(portion))
        for start in range(0, len(queries), step):
            distance = np.bitwise_count(queries[start : start + step, None] ^ portion[None, :])
            query, indexed = np.nonzero(distance <= radius)
            yield Pairs(query + start, indexed + first, distance[query, indexed])


def expand_ranges(start: Indices, count: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Yield every index of every range of `count` indices from `start` on, in portions.

    Returns:
        The number of the range and the index, each of shape (k,).
    """
    for part in _cut_by_total(count, COMPARED_AT_A_TIME):
        stretch = np.repeat(np.arange(part.start, part.stop), count[part])
        before = np.cumsum(count[part]) - count[part]
        index = np.arange(len(stretch)) - np.repeat(before - start[part], count[part])
        yield stretch, index


@dataclass(frozen=True)
class _Part:
    """Some neighbouring bits of a hash, and how many of them may differ.

    Attributes:
        shift: of the lowest bit.
        bits: how many.
        flips: differing bits looked up.
    """

    shift: int
    bits: int
    flips: int

    @property
    def mask(self) -> np.uint64:
        return np.uint64(((1 << self.bits) - 1) << self.shift)

    def compute_keys(self, hashes: Hashes) -> npt.NDArray[np.int32]:
        return ((hashes & self.mask) >> np.uint64(self.shift)).astype(np.int32)

    def list_changes(self) -> Iterator[int]:
        """Yield every way to change at most `flips` of the bits."""
        for count in range(self.flips + 1):
            for indices in combinations(range(self.bits), count):
                yield sum(1 << index for index in indices)


class _Table:
    """The indexed hashes in buckets, by their bits in one part."""

    def __init__(self, hashes: Hashes, part: _Part) -> None:
        self.part = part
        keys = part.compute_keys(hashes)
        order = np.argsort(keys)
        count = np.bincount(keys, minlength=1 << part.bits)
        self._indices = order.astype(np.int64)
        self._hashes = hashes[order]
        self._start = np.concatenate([[0], np.cumsum(count)])
        self._is_crowded = count > 1
        self._first = self._build_first_hashes(count)

    def _build_first_hashes(self, count: npt.NDArray[np.int64]) -> Hashes:
        """Build the first hash of each bucket; an empty bucket gets a hash far from every query.

        A query that looks into a bucket differs from its key in at most `flips` bits. An empty
        bucket holds the key with every bit changed, which is further than the radius from any such
        query, so no test for emptiness is needed.
        """
        keys = np.arange(1 << self.part.bits, dtype=np.uint64)
        far = (~keys << np.uint64(self.part.shift)) & self.part.mask
        filled = count > 0
        far[filled] = self._hashes[self._start[:-1][filled]]
        return far

    def search(self, queries: Hashes, radius: int) -> Iterator[Pairs]:
        """Yield every query's hits in the buckets around its own."""
        keys = self.part.compute_keys(queries)
        order = np.argsort(keys)  # neighbouring queries read the same buckets
        changes = list(self.part.list_changes())
        for start in range(0, len(queries), QUERIES_AT_A_TIME):
            indices = order[start : start + QUERIES_AT_A_TIME]
            yield from self._look_up(queries[indices], keys[indices], indices, changes, radius)

    def _look_up(
        self,
        queries: Hashes,
        keys: npt.NDArray[np.int32],
        indices: Indices,
        changes: Sequence[int],
        radius: int,
    ) -> Iterator[Pairs]:
        bucket, found = np.empty_like(keys), np.empty_like(queries)
        distance = np.empty(len(queries), np.uint8)
        for change in changes:
            np.bitwise_xor(keys, np.int32(change), out=bucket)
            np.take(self._first, bucket, out=found, mode="clip")
            np.bitwise_xor(found, queries, out=found)
            np.bitwise_count(found, out=distance)
            hits = np.flatnonzero(distance <= radius)
            if len(hits):
                at = self._start[bucket[hits]]
                yield Pairs(indices[hits], self._indices[at], distance[hits])
            crowded = np.flatnonzero(self._is_crowded[bucket])
            if len(crowded):
                yield from self._look_further(queries, bucket, indices, crowded, radius)

    def _look_further(
        self,
        queries: Hashes,
        bucket: npt.NDArray[np.int32],
        indices: Indices,
        crowded: Indices,
        radius: int,
    ) -> Iterator[Pairs]:
        """Compare with the second and further hashes of buckets that hold several."""
        second = self._start[bucket[crowded]] + 1
        yield self._compare(queries, indices, crowded, second, radius)
        left = self._start[bucket[crowded] + 1] - second - 1
        fuller = np.flatnonzero(left)  # few, since there are as many buckets as hashes
        for number, at in expand_ranges(second[fuller] + 1, left[fuller]):
            yield self._compare(queries, indices, crowded[fuller[number]], at, radius)

    def _compare(
        self, queries: Hashes, indices: Indices, asked: Indices, at: Indices, radius: int
    ) -> Pairs:
        distance = np.bitwise_count(self._hashes[at] ^ queries[asked])
        hits = np.flatnonzero(distance <= radius)
        return Pairs(indices[asked[hits]], self._indices[at[hits]], distance[hits])


def _cut_by_total(count: Indices, most: int) -> Iterator[slice]:
    """Split into slices of at least one entry whose counts add up to at most about `most`."""
    total = np.cumsum(count)
    start = 0
    while start < len(count):
        before = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + most, side="right")))
        yield slice(start, stop)
        start = stop


def _merge_portions(portions: Iterable[Pairs]) -> Iterator[Pairs]:
    """Merge small portions of pairs into larger ones."""
    waiting: list[Pairs] = []
    count = 0
    for portion in portions:
        if waiting and count + len(portion) > FOUND_AT_A_TIME:
            yield _concatenate_pairs(waiting)
            waiting, count = [], 0
        waiting.append(portion)
        count += len(portion)
    if waiting:
        yield _concatenate_pairs(waiting)


def _concatenate_pairs(portions: Sequence[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([each.query for each in portions]),
        np.concatenate([each.indexed for each in portions]),
        np.concatenate([each.distance for each in portions]),
    )


def _cut_into_parts(hash_count: int, radius: int) -> tuple[_Part, ...]:
    """Cut a hash into parts of 21, 21 and 22 bits; use fewer of them where there are few hashes.

    No more bits are changed than needed: two hashes that differ by more than `flips` bits in every
    part differ by `flips + 1` in each, which adds up to more than the radius.

    Unused bits only pass more pairs on to the full comparison: hashes that differ in few bits of a
    part differ in no more bits of a piece of it.
    """
    enough = max(1, hash_count).bit_length() + 1
    sizes = [HASH_BITS // _PARTS + (number == _PARTS - 1) for number in range(_PARTS)]
    shifts = np.cumsum([0, *sizes[:-1]])
    # radius 8: 2, 2, 2; radius 7: 2, 2, 1; radius 1: 0, 0 and no third part
    flips = [(radius - number) // _PARTS for number in range(min(_PARTS, radius + 1))]
    return tuple(
        # an empty bucket must be out of reach of every query, see `_Table._build_first_hashes`
        _Part(int(shift), min(size, max(enough, radius + changed + 1)), changed)
        for shift, size, changed in zip(shifts, sizes, flips, strict=False)
    )


def _mark_new_pairs(parts: Sequence[_Part], differing: Hashes) -> npt.NDArray[np.bool_]:
    """Mark the pairs, given by their differing bits, that no earlier part has found."""
    new = np.ones(len(differing), dtype=np.bool_)
    for part in parts:
        new &= np.bitwise_count(differing & part.mask) > part.flips
    return new
