"""Search 64-bit perceptual hashes for near-duplicates, exactly, in any of eight orientations."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_registry.duplicates.hamming import (
    COMPARED_AT_A_TIME,
    Hashes,
    HashIndex,
    Pairs,
    compare_every_pair,
)
from data_registry.duplicates.hash_buckets import (
    HashBuckets,
    build_hash_buckets,
    confirm_buckets,
    expand_buckets,
)
from data_registry.duplicates.match_thresholds import Radii
from data_registry.images.hashing import HASH_BITS, ORIENTATIONS, OrientedHashes

Search = Callable[[Hashes], Iterator[Pairs]]


@dataclass(frozen=True)
class Fingerprints:
    """The hashes of n images.

    Attributes:
        sha256: n names.
        phash, dhash: shape (n, 8), uint64; column k is orientation k.
    """

    sha256: tuple[str, ...]
    phash: OrientedHashes
    dhash: OrientedHashes

    def __len__(self) -> int:
        return len(self.sha256)

    def select(self, keep: npt.NDArray[np.bool_]) -> "Fingerprints":
        """Select the images whose entry in `keep`, shape (n,), is true."""
        names = tuple(self.sha256[index] for index in np.flatnonzero(keep))
        return Fingerprints(names, self.phash[keep], self.dhash[keep])


def find_near_duplicates(
    new: Fingerprints, known: Fingerprints, radii: Radii
) -> list[tuple[str, str, float]]:
    """Find the pairs (one of `new`, one of `known`) whose hashes are within both radii.

    The image of `new` is turned, that of `known` upright; see `find_duplicates_between`. The search
    is exact. Images with equal hashes are compared once for all of them. More than `MOST_PAIRED`
    such images are linked to the first of them instead of each to each other, which gives the same
    group with fewer pairs. An image is not paired with itself; a pair within `new` comes once.

    Returns:
        (smaller SHA-256, greater SHA-256, pHash distance in bits), sorted.
    """
    index_of = {name: index for index, name in enumerate(known.sha256)}
    of_new = np.array([index_of.get(name, -1) for name in new.sha256], dtype=np.int64)
    found: dict[tuple[str, str], float] = {}
    for turned, upright, alike in _search_by_phash(new, known, radii.phash):
        for buckets in confirm_buckets(turned, upright, alike, radii.dhash):
            for images in expand_buckets(turned, upright, buckets):
                others = images.select(of_new[images.query] != images.indexed)
                _keep_nearest(found, _name_pairs(new, known, others))
    return sorted((*pair, distance) for pair, distance in found.items())


def find_duplicates_between(
    one: Fingerprints, other: Fingerprints, radii: Radii
) -> list[tuple[str, str, float]]:
    """Find the near-duplicates (one of `one`, one of `other`), whichever of the two is turned.

    Turning one image is not the exact inverse of turning the other: mirroring moves the median that
    pHash compares with, and dHash has no sign for two equal pixels. Near the radius a pair may be
    found in one direction only, so both are searched where the result must not depend on which
    image came first.
    """
    found: dict[tuple[str, str], float] = {}
    _keep_nearest(found, find_near_duplicates(one, other, radii))
    _keep_nearest(found, find_near_duplicates(other, one, radii))
    return sorted((*pair, distance) for pair, distance in found.items())


def find_duplicates_of_new(
    new: Fingerprints, old: Fingerprints, radii: Radii
) -> list[tuple[str, str, float]]:
    """Find the near-duplicates of `new` images: among themselves and among the `old` ones.

    Together with those found among the old images these are all near-duplicates, in any order of
    arrival. No image is in both.
    """
    return sorted(
        [*find_near_duplicates(new, new, radii), *find_duplicates_between(new, old, radii)]
    )


def _search_by_phash(
    new: Fingerprints, known: Fingerprints, radius: int
) -> Iterator[tuple[HashBuckets, HashBuckets, Pairs]]:
    """Yield buckets of `new` in each orientation, of `known` upright, and pairs of pHashes."""
    upright = build_hash_buckets(known.phash[:, 0], known.dhash[:, 0])
    search = _choose_search(upright.phash, len(new), radius)
    for turn in range(ORIENTATIONS):
        turned = build_hash_buckets(new.phash[:, turn], new.dhash[:, turn])
        for pairs in search(turned.phash):
            yield turned, upright, pairs


def _choose_search(hashes: Hashes, query_count: int, radius: int) -> Search:
    """Choose the fastest search: an index of the larger side, queried with the smaller one."""
    if len(hashes) * query_count <= COMPARED_AT_A_TIME:
        return lambda queries: compare_every_pair(queries, hashes, radius)
    if query_count <= len(hashes):
        return HashIndex(hashes, radius).search
    return lambda queries: (pairs.swap() for pairs in HashIndex(queries, radius).search(hashes))


def _name_pairs(
    new: Fingerprints, known: Fingerprints, pairs: Pairs
) -> Iterator[tuple[str, str, float]]:
    indices = zip(
        pairs.query.tolist(), pairs.indexed.tolist(), pairs.distance.tolist(), strict=True
    )
    for index, other_index, distance in indices:
        one, other = new.sha256[index], known.sha256[other_index]
        yield (one, other, float(distance)) if one < other else (other, one, float(distance))


def _keep_nearest(
    found: dict[tuple[str, str], float], pairs: Iterable[tuple[str, str, float]]
) -> None:
    for one, other, distance in pairs:
        found[one, other] = min(distance, found.get((one, other), HASH_BITS))
