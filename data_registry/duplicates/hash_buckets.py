"""Collapse images with equal hashes into buckets, which are searched once.

On the web thousands of images may be the same placeholder. Images are bucketed by pHash and then by
dHash, so that a bucket costs as much as one image.
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

MOST_PAIRED = 64  # images with equal hashes that are all paired with each other


@dataclass(frozen=True, kw_only=True)
class HashBuckets:
    """n images in one orientation, sorted into k buckets of equal hashes.

    Attributes:
        phash: shape (m,): the distinct pHashes.
        bucket_start: shape (m + 1,): where the buckets of each pHash begin.
        dhash: shape (k,): of each bucket.
        image_start: shape (k + 1,): where the images of each bucket begin.
        images: shape (n,): their indices, bucket by bucket.
    """

    phash: Hashes
    bucket_start: Indices
    dhash: Hashes
    image_start: Indices
    images: Indices


def build_hash_buckets(phash: OrientedHashes, dhash: OrientedHashes) -> HashBuckets:
    """Sort n images into buckets; their hashes in one orientation have the shape (n,)."""
    images = _sort_by_hashes(phash, dhash)
    phash, dhash = phash[images], dhash[images]
    new_phash = _mark_changes(phash)
    first_image = np.flatnonzero(new_phash | _mark_changes(dhash))
    first_bucket = np.flatnonzero(new_phash[first_image])
    return HashBuckets(
        phash=phash[first_image[first_bucket]],
        bucket_start=np.append(first_bucket, len(first_image)),
        dhash=dhash[first_image],
        image_start=np.append(first_image, len(images)),
        images=images,
    )


def _sort_by_hashes(phash: Hashes, dhash: Hashes) -> Indices:
    """Sort like `np.lexsort`, in a third of its time where few pHashes are equal."""
    order = np.argsort(phash)
    is_new = _mark_changes(phash[order])
    tied = np.flatnonzero(~(is_new & np.append(is_new[1:], True)))
    among = np.sort(order[tied])
    order[tied] = among[np.lexsort((dhash[among], phash[among]))]
    return order


def confirm_buckets(
    left: HashBuckets, right: HashBuckets, pairs: Pairs, radius: int
) -> Iterator[Pairs]:
    """Find, for pairs of pHashes, the pairs of buckets whose dHashes are within the radius too."""
    many = _count_member_pairs(left.bucket_start, right.bucket_start, pairs) > COMPARED_AT_A_TIME
    for buckets in _pair_members(left.bucket_start, right.bucket_start, pairs.select(~many)):
        differing = np.bitwise_count(left.dhash[buckets.query] ^ right.dhash[buckets.indexed])
        yield buckets.select(differing <= radius)
    for query, indexed, distance in _iterate_pairs(pairs.select(many)):
        start, stop = left.bucket_start[query : query + 2]
        other_start, other_stop = right.bucket_start[indexed : indexed + 2]
        crowds = left.dhash[start:stop], right.dhash[other_start:other_stop]
        for found in compare_every_pair(*crowds, radius):
            same = np.full(len(found), distance)
            yield Pairs(found.query + start, found.indexed + other_start, same)


def expand_buckets(left: HashBuckets, right: HashBuckets, buckets: Pairs) -> Iterator[Pairs]:
    """Expand pairs of buckets to pairs of images: indices on the left and on the right.

    Where there are more than `MOST_PAIRED` squared, each image is paired with the other bucket's
    first image only: the same group with fewer pairs.
    """
    many = _count_member_pairs(left.image_start, right.image_start, buckets) > MOST_PAIRED**2
    for pairs in _pair_members(left.image_start, right.image_start, buckets.select(~many)):
        yield Pairs(left.images[pairs.query], right.images[pairs.indexed], pairs.distance)
    for query, indexed, distance in _iterate_pairs(buckets.select(many)):
        ours = left.images[slice(*left.image_start[query : query + 2])]
        theirs = right.images[slice(*right.image_start[indexed : indexed + 2])]
        indices = np.concatenate([ours, np.full(len(theirs), ours[0])])
        others = np.concatenate([np.full(len(ours), theirs[0]), theirs])
        yield Pairs(indices, others, np.full(len(indices), distance))


def _mark_changes(values: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    differs = np.ones(len(values), dtype=np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs


def _count_member_pairs(left: Indices, right: Indices, pairs: Pairs) -> Indices:
    """Count the pairs of members that each pair stands for."""
    ours = left[pairs.query + 1] - left[pairs.query]
    return ours * (right[pairs.indexed + 1] - right[pairs.indexed])


def _pair_members(left: Indices, right: Indices, pairs: Pairs) -> Iterator[Pairs]:
    """Pair every member on the left with every member on the right, given where members begin."""
    count = left[pairs.query + 1] - left[pairs.query]
    for number, ours in expand_ranges(left[pairs.query], count):
        asked = pairs.indexed[number]
        for repeated, theirs in expand_ranges(right[asked], right[asked + 1] - right[asked]):
            yield Pairs(ours[repeated], theirs, pairs.distance[number[repeated]])


def _iterate_pairs(pairs: Pairs) -> Iterator[tuple[int, int, np.uint8]]:
    return zip(pairs.query.tolist(), pairs.indexed.tolist(), pairs.distance, strict=True)
