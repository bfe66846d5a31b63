"""The drawn photographs: the same seed gives the same bytes, distinct animals stay distinct."""

import io

import numpy as np
import pytest
from PIL import Image

from data_registry.hashing import OrientedHashes, perceptual_hashes
from flows.demo.animals import CLASSES, KNOWN, UNKNOWN, photo_jpeg, photograph
from flows.demo.edits import EDITS, edited

NEAR = 8  # bits of 64: what counts as a near-copy


def hashes(photo: bytes) -> OrientedHashes:
    """The pHash of all eight orientations."""
    return perceptual_hashes(Image.open(io.BytesIO(photo)))[0]


def distance(one: OrientedHashes, other: OrientedHashes) -> int:
    """Smallest pHash distance over the eight orientations."""
    return int(np.bitwise_count(one[0] ^ other).min())


@pytest.mark.parametrize("kind", [*KNOWN, *UNKNOWN])
def test_a_photograph_is_a_function_of_kind_and_seed(kind: str) -> None:
    assert photo_jpeg(kind, (5, 6)) == photo_jpeg(kind, (5, 6))
    assert photo_jpeg(kind, (5, 6)) != photo_jpeg(kind, (5, 7))


@pytest.mark.parametrize("kind", [*KNOWN, *UNKNOWN])
def test_sides_and_contrast_are_those_of_a_photograph(kind: str) -> None:
    image = photograph(kind, (1, 2, 3))
    assert image.mode == "RGB"
    assert 128 <= min(image.size) <= max(image.size) <= 320
    assert np.asarray(image).std() > 8


def test_the_kinds_of_one_seed_differ() -> None:
    assert len({photo_jpeg(kind, (9,)) for kind in (*KNOWN, *UNKNOWN)}) == 10


def test_distinct_photographs_are_seldom_near_copies() -> None:
    photos = [hashes(photo_jpeg(kind, (n,))) for n, kind in enumerate(CLASSES * 12)]
    near = sum(
        distance(one, other) <= NEAR
        for index, one in enumerate(photos)
        for other in photos[index + 1 :]
    )
    assert near <= 1  # of 1,128 pairs; one in 6,000 is expected


@pytest.mark.parametrize("kind", EDITS)
def test_a_copy_differs_in_bytes_and_is_near_as_a_rule(kind: str) -> None:
    distances = []
    for number in range(7):
        photo = photo_jpeg("moon", (3, number))
        copy = edited(photo, kind, np.random.default_rng(number))
        assert copy != photo
        distances.append(distance(hashes(photo), hashes(copy)))
    assert np.median(distances) <= NEAR  # a crop may fall farther: that is why features help
