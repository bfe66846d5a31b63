import imagehash
import numpy as np
import pytest
from drawn import picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data_registry.images.hashing import ORIENTATIONS, apply_orientation, compute_perceptual_hashes


def bits(value: "imagehash.ImageHash") -> int:
    return int(str(value), 16)


def distance(left: int, right: int) -> int:
    return (int(left) ^ int(right)).bit_count()


@given(st.integers(0, 10_000))
def test_upright_hashes_are_those_of_imagehash(seed: int) -> None:
    image = picture(seed)
    phash, dhash = compute_perceptual_hashes(image)
    assert int(phash[0]) == bits(imagehash.phash(image))
    assert int(dhash[0]) == bits(imagehash.dhash(image))


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_each_orientation_is_the_hash_of_the_turned_image(orientation: int) -> None:
    for seed in range(20):
        image = picture(seed, 96, 96)
        turned = Image.fromarray(
            np.stack(
                [
                    apply_orientation(channel, orientation)
                    for channel in np.asarray(image).transpose(2, 0, 1)
                ],
                axis=2,
            )
        )
        phash, dhash = compute_perceptual_hashes(image)
        # Resizing before or after turning differs by rounding: a bit on the edge may fall over.
        assert distance(phash[orientation], bits(imagehash.phash(turned))) <= 2
        assert distance(dhash[orientation], bits(imagehash.dhash(turned))) <= 2


def test_the_eight_orientations_of_an_image_differ() -> None:
    phash, dhash = compute_perceptual_hashes(picture(1))
    assert len(set(phash.tolist())) == ORIENTATIONS
    assert len(set(dhash.tolist())) == ORIENTATIONS
