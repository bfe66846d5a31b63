"""A whole image at a small size: every byte is decoded, few pixels are kept.

Checks and perceptual hashes need a few hundred pixels a side, not fifty million. What a decoder
itself needs is estimated from the header, so that threads can share the memory there is.
"""

from PIL import Image

from data_registry.images.decoding_cost import check_memory, decoding_bytes, shrink, shrinking
from data_registry.images.image_limits import ImageLimits
from data_registry.images.memory import DECODING_MEMORY
from data_registry.images.opening import decoding, format_of
from data_registry.images.pixels import (
    Decoded,
    as_seen,
    flattened,
    open_checked,
    orientation_of,
    upright_size,
)

# The shorter side kept at least. On 268 photographs of 384 pixels a side and more, pHash then
# differs from that of all pixels in 0.11 of its 64 bits on average and in 2 at most, dHash in 0.24
# and 3 (tests/collectors/test_survey.py); with 192 it is 0.10 and 0.17, at twice the price of a
# check.
SIDE = 120
# Images with a shorter side are surveyed whole: half their pixels would be too few.
WHOLE_BELOW = 384


def survey_bytes(image: Image.Image, data: bytes) -> int:
    """About how much memory `survey` takes for an opened image.

    Args:
        image: from `open_image`.
        data: the file.

    Raises:
        ImageError: outcome ``truncated``: the header makes no sense.
    """
    with decoding():
        return decoding_bytes(image, data, _draft_factor(image))


def survey(image: Image.Image) -> Decoded:
    """Decode an opened image completely and keep a small copy of it.

    Args:
        image: from `open_image`; nothing has loaded it yet.

    Raises:
        ImageError: outcome ``truncated``.
    """
    whole = image.size
    with decoding():
        shrink(image, _draft_factor(image))
        image.load()
        orientation = orientation_of(image)
        small = as_seen(_reduced(image), orientation)
    width, height = upright_size(whole, orientation)
    return Decoded(small, format_of(image), width, height)


def survey_file(data: bytes, limits: ImageLimits) -> Decoded:
    """Check an image from outside, decode it completely and keep a small copy of it.

    Raises:
        ImageError: as `data_registry.pixels.decode`.
    """
    image = open_checked(data, limits.max_pixels)
    needed = survey_bytes(image, data)
    check_memory(image, needed, limits.memory_bytes)
    with DECODING_MEMORY.lent(needed):
        return survey(image)


def _draft_factor(image: Image.Image) -> int:
    """By how much a JPEG is shrunk while it is decoded; 1 for other formats."""
    return 1 if min(image.size) < WHOLE_BELOW else shrinking(image, SIDE)


def _reduced(image: Image.Image) -> Image.Image:
    """The pixels averaged in squares."""
    return flattened(image, 1 if min(image.size) < WHOLE_BELOW else min(image.size) // SIDE)
