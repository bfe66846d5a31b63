"""Images of the same hashes, searched once for all of them.

Images found on the web crowd together: thousands are one and the same placeholder. They are told
apart in two steps, by pHash and then by dHash, so that a crowd costs as much as one image.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data_registry.duplicates.hamming import (
    COMPARED_AT_A_TIME,
    Hashes,
    Indices,
    Pairs,
    compare_every_pair,
    expand_ranges,
)
from data_registry.images.hashing import OrientedHashes

MOST_PAIRED = 64  # images of the same hashes that are all paired with each other


@dataclass(frozen=True)
class HashBuckets:
    """n images in one orientation, sorted into k classes of equal hashes.

    Attributes:
        phash: shape (m,): the distinct pHashes.
        class_start: shape (m + 1,): where the classes of each pHash begin.
        dhash: shape (k,): of each class.
        image_start: shape (k + 1,): where the images of each class begin.
        images: shape (n,): their places, class by class.
    """

    phash: Hashes
    class_start: Indices
    dhash: Hashes
    image_start: Indices
    images: Indices


def build_hash_buckets(phash: OrientedHashes, dhash: OrientedHashes) -> HashBuckets:
    """The classes of n images, whose hashes in one orientation have the shape (n,)."""
    images = _sort_by_hashes(phash, dhash)
    phash, dhash = phash[images], dhash[images]
    new_phash = _mark_changes(phash)
    first_image = np.flatnonzero(new_phash | _mark_changes(dhash))
    first_class = np.flatnonzero(new_phash[first_image])
    return HashBuckets(
        phash=phash[first_image[first_class]],
        class_start=np.append(first_class, len(first_image)),
        dhash=dhash[first_image],
        image_start=np.append(first_image, len(images)),
        images=images,
    )


def _sort_by_hashes(phash: Hashes, dhash: Hashes) -> Indices:
    """The order of `np.lexsort`, at a third of its time where few pHashes are equal."""
    order = np.argsort(phash)
    is_new = _mark_changes(phash[order])
    tied = np.flatnonzero(~(is_new & np.append(is_new[1:], True)))
    among = np.sort(order[tied])
    order[tied] = among[np.lexsort((dhash[among], phash[among]))]
    return order


def confirm_buckets(
    left: HashBuckets, right: HashBuckets, pairs: Pairs, radius: int
) -> Iterator[Pairs]:
    """Of pairs of pHashes, the pairs of classes whose dHashes are within the radius too."""
    many = _count_member_pairs(left.class_start, right.class_start, pairs) > COMPARED_AT_A_TIME
    for classes in _pair_members(left.class_start, right.class_start, pairs.those(~many)):
        differing = np.bitwise_count(left.dhash[classes.query] ^ right.dhash[classes.indexed])
        yield classes.those(differing <= radius)
    for query, indexed, distance in _iterate_pairs(pairs.those(many)):
        start, stop = left.class_start[query : query + 2]
        other_start, other_stop = right.class_start[indexed : indexed + 2]
        crowds = left.dhash[start:stop], right.dhash[other_start:other_stop]
        for found in compare_every_pair(*crowds, radius):
            same = np.full(len(found), distance)
            yield Pairs(found.query + start, found.indexed + other_start, same)


def expand_buckets(left: HashBuckets, right: HashBuckets, classes: Pairs) -> Iterator[Pairs]:
    """The pairs of images that pairs of classes stand for: places on the left and on the right.

    Where they are more than `MOST_PAIRED` with as many, each is paired with the other class's
    first image: the same group, of fewer pairs.
    """
    many = _count_member_pairs(left.image_start, right.image_start, classes) > MOST_PAIRED**2
    for pairs in _pair_members(left.image_start, right.image_start, classes.those(~many)):
        yield Pairs(left.images[pairs.query], right.images[pairs.indexed], pairs.distance)
    for query, indexed, distance in _iterate_pairs(classes.those(many)):
        ours = left.images[slice(*left.image_start[query : query + 2])]
        theirs = right.images[slice(*right.image_start[indexed : indexed + 2])]
        places = np.concatenate([ours, np.full(len(theirs), ours[0])])
        others = np.concatenate([np.full(len(ours), theirs[0]), theirs])
        yield Pairs(places, others, np.full(len(places), distance))


def _mark_changes(values: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    differs = np.ones(len(values), dtype=np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs


def _count_member_pairs(left: Indices, right: Indices, pairs: Pairs) -> Indices:
    """How many pairs of members each pair stands for."""
    ours = left[pairs.query + 1] - left[pairs.query]
    return ours * (right[pairs.indexed + 1] - right[pairs.indexed])


def _pair_members(left: Indices, right: Indices, pairs: Pairs) -> Iterator[Pairs]:
    """Every member on the left with every member on the right, given where members begin."""
    count = left[pairs.query + 1] - left[pairs.query]
    for number, ours in expand_ranges(left[pairs.query], count):
        asked = pairs.indexed[number]
        for repeated, theirs in expand_ranges(right[asked], right[asked + 1] - right[asked]):
            yield Pairs(ours[repeated], theirs, pairs.distance[number[repeated]])


def _iterate_pairs(pairs: Pairs) -> Iterator[tuple[int, int, np.uint8]]:
    return zip(pairs.query.tolist(), pairs.indexed.tolist(), pairs.distance, strict=True)
