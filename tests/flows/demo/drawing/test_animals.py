"""The drawn photographs: the same seed gives the same bytes, distinct animals stay distinct."""

import io

import numpy as np
import pytest
from PIL import Image

from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.near_duplicates import Fingerprints, find_near_duplicates
from data_registry.images.hashing import OrientedHashes, compute_perceptual_hashes
from data_registry.images.image_record import build_image_record
from data_registry.images.pixels import decode
from flows.demo.drawing.animals import CLASSES, KNOWN, UNKNOWN, draw_jpeg, draw_photograph
from flows.demo.drawing.edits import EDITS, edit_image

NEAR = 8  # bits of 64: what counts as a near-copy


def hashes(photo: bytes) -> OrientedHashes:
    """Compute the pHash of all eight orientations."""
    return compute_perceptual_hashes(Image.open(io.BytesIO(photo)))[0]


def distance(one: OrientedHashes, other: OrientedHashes) -> int:
    """Smallest pHash distance over the eight orientations."""
    return int(np.bitwise_count(one[0] ^ other).min())


@pytest.mark.parametrize("kind", [*KNOWN, *UNKNOWN])
def test_a_photograph_is_a_function_of_kind_and_seed(kind: str) -> None:
    assert draw_jpeg(kind, (5, 6)) == draw_jpeg(kind, (5, 6))
    assert draw_jpeg(kind, (5, 6)) != draw_jpeg(kind, (5, 7))


@pytest.mark.parametrize("kind", [*KNOWN, *UNKNOWN])
def test_sides_and_contrast_are_those_of_a_photograph(kind: str) -> None:
    image = draw_photograph(kind, (1, 2, 3))
    assert image.mode == "RGB"
    assert 128 <= min(image.size) <= max(image.size) <= 320
    assert np.asarray(image).std() > 8


def test_the_kinds_of_one_seed_differ() -> None:
    assert len({draw_jpeg(kind, (9,)) for kind in (*KNOWN, *UNKNOWN)}) == 10


def test_distinct_photographs_are_not_taken_for_copies() -> None:
    photos = [draw_jpeg(kind, (n,)) for n, kind in enumerate(CLASSES * 12)]
    records = [build_image_record(data, decode(data)) for data in photos]
    every = Fingerprints(
        tuple(record.sha256 for record in records),
        np.stack([record.phash for record in records]),
        np.stack([record.dhash for record in records]),
    )
    # By the rule that groups go by: pHash alone would join two of these 1,128 pairs.
    assert find_near_duplicates(every, every, Radii()) == []


@pytest.mark.parametrize("kind", EDITS)
def test_a_copy_differs_in_bytes_and_is_near_as_a_rule(kind: str) -> None:
    distances = []
    for number in range(7):
        photo = draw_jpeg("moon", (3, number))
        copy = edit_image(photo, kind, np.random.default_rng(number))
        assert copy != photo
        distances.append(distance(hashes(photo), hashes(copy)))
    assert np.median(distances) <= NEAR  # a crop may fall farther: that is why features help
