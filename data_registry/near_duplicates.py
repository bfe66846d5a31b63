"""Exact search for near-copies among 64-bit perceptual hashes, in any of eight orientations."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_registry.hamming import Hashes, HashIndex, Pairs, Places
from data_registry.hashing import HASH_BITS, ORIENTATIONS, OrientedHashes

MOST_PAIRED = 64  # images of the same hashes that are all paired with each other


@dataclass(frozen=True)
class Radii:
    """How near two images must be to count as copies, in differing bits of 64.

    A pair needs both: pHash finds it, dHash in the same orientation confirms it. Among 1,248
    photographs of 26 kinds the defaults join 15 pairs, one of them wrongly (two round things on
    white paper).
    """

    phash: int = 8
    dhash: int = 12


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

    def subset(self, keep: npt.NDArray[np.bool_]) -> "Fingerprints":
        """The images whose entry in `keep`, shape (n,), is true."""
        names = tuple(self.sha256[index] for index in np.flatnonzero(keep))
        return Fingerprints(names, self.phash[keep], self.dhash[keep])


def near_copies(
    new: Fingerprints, known: Fingerprints, radii: Radii
) -> list[tuple[str, str, float]]:
    """The pairs (one of `new`, one of `known`) whose hashes are within both radii.

    Nothing within the radii is missed: images of the same hashes are compared once for all of
    them. More than `MOST_PAIRED` such images are tied to the first of them instead of each to each
    other, which makes the same group of fewer pairs. An image is not paired with itself; a pair
    within `new` comes once.

    Returns:
        (smaller SHA-256, greater SHA-256, pHash distance in bits), sorted.
    """
    place_of = {name: place for place, name in enumerate(known.sha256)}
    of_new = np.array([place_of.get(name, -1) for name in new.sha256], dtype=np.int64)
    upright = _classes(known, 0)
    index = HashIndex(upright.phash, radii.phash)
    found: dict[tuple[str, str], float] = {}
    for turn in range(ORIENTATIONS):
        turned = _classes(new, turn)
        for pairs in index.near(turned.phash):
            confirmed = _confirmed(turned, upright, pairs, radii.dhash)
            for left, right, distance in _members(turned, upright, confirmed):
                other = of_new[left] != right
                for i, j in zip(left[other], right[other], strict=True):
                    pair = _ordered(new.sha256[i], known.sha256[j])
                    found[pair] = min(float(distance), found.get(pair, HASH_BITS))
    return sorted((*pair, distance) for pair, distance in found.items())


@dataclass(frozen=True)
class _Classes:
    """Images of the same hashes in one orientation, as k classes.

    Attributes:
        phash, dhash: shape (k,), uint64.
        places: shape (n,): the images, class by class, each class in the order of its images.
        start: shape (k + 1,): where each class begins in `places`.
    """

    phash: Hashes
    dhash: Hashes
    places: Places
    start: Places

    def members(self, number: int) -> Places:
        """The images of a class."""
        return self.places[self.start[number] : self.start[number + 1]]


def _classes(images: Fingerprints, orientation: int) -> _Classes:
    phash, dhash = images.phash[:, orientation], images.dhash[:, orientation]
    places = np.lexsort((dhash, phash))
    phash, dhash = phash[places], dhash[places]
    is_first = np.ones(len(places), dtype=np.bool_)
    is_first[1:] = (phash[1:] != phash[:-1]) | (dhash[1:] != dhash[:-1])
    first = np.flatnonzero(is_first)
    return _Classes(phash[first], dhash[first], places, np.append(first, len(places)))


def _confirmed(left: _Classes, right: _Classes, pairs: Pairs, radius: int) -> Pairs:
    differing = np.bitwise_count(left.dhash[pairs.query] ^ right.dhash[pairs.indexed])
    return pairs.those(differing <= radius)


def _members(left: _Classes, right: _Classes, pairs: Pairs) -> Iterator[tuple[Places, Places, int]]:
    """The images of each pair of classes: places in `left` and `right`, and the distance."""
    sizes = np.diff(left.start)[pairs.query], np.diff(right.start)[pairs.indexed]
    single = (sizes[0] == 1) & (sizes[1] == 1)
    alone = pairs.those(single)
    for distance in np.unique(alone.distance):
        here = alone.those(alone.distance == distance)
        yield (
            left.places[left.start[here.query]],
            right.places[right.start[here.indexed]],
            int(distance),
        )
    several = pairs.those(~single)
    for query, indexed, distance in zip(
        several.query, several.indexed, several.distance, strict=True
    ):
        yield (*_paired(left.members(query), right.members(indexed)), int(distance))


def _paired(left: Places, right: Places) -> tuple[Places, Places]:
    """Each with each, or where there are too many each with the other side's first."""
    if len(left) * len(right) <= MOST_PAIRED**2:
        return np.repeat(left, len(right)), np.tile(right, len(left))
    with_first = np.concatenate([left, np.full(len(right), left[0])])
    return with_first, np.concatenate([np.full(len(left), right[0]), right])


def _ordered(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)
