"""Decode a whole image to a thumbnail: every byte is decoded, few pixels are kept.

Checks and perceptual hashes need a few hundred pixels a side, not fifty million. What a decoder
itself needs is estimated from the header, so that threads can share the memory there is.
"""

from PIL import Image

from data_registry.images.decoding_cost import (
    check_memory,
    choose_shrink_factor,
    estimate_decoding_bytes,
    shrink,
)
from data_registry.images.image_limits import ImageLimits
from data_registry.images.memory import DECODING_MEMORY
from data_registry.images.opening import convert_decoder_errors, read_format
from data_registry.images.pixels import (
    DecodedImage,
    compute_upright_size,
    convert_to_upright_srgb,
    flatten_image,
    open_checked,
    read_orientation,
)

# The shorter side kept at least. On 268 photographs of 384 pixels a side and more, pHash then
# differs from that of all pixels in 0.11 of its 64 bits on average and in 2 at most, dHash in 0.24
# and 3 (tests/collectors/test_survey.py); with 192 it is 0.10 and 0.17, at twice the price of a
# check.
SIDE = 120
# Images with a shorter side are surveyed whole: half their pixels would be too few.
WHOLE_BELOW = 384


def estimate_thumbnail_bytes(image: Image.Image, data: bytes) -> int:
    """Estimate how many bytes `decode_thumbnail` takes for an opened image.

    Args:
        image: from `open_image`.
        data: the file.

    Raises:
        ImageError: outcome ``truncated``: the header makes no sense.
    """
    with convert_decoder_errors():
        return estimate_decoding_bytes(image, data, _choose_thumbnail_factor(image))


def decode_thumbnail(image: Image.Image) -> DecodedImage:
    """Decode an opened image completely and keep a small copy of it.

    Args:
        image: from `open_image`; nothing has loaded it yet.

    Raises:
        ImageError: outcome ``truncated``.
    """
    whole = image.size
    with convert_decoder_errors():
        shrink(image, _choose_thumbnail_factor(image))
        image.load()
        orientation = read_orientation(image)
        small = convert_to_upright_srgb(_reduce_to_thumbnail(image), orientation)
    width, height = compute_upright_size(whole, orientation)
    return DecodedImage(small, read_format(image), width, height)


def decode_thumbnail_file(data: bytes, limits: ImageLimits) -> DecodedImage:
    """Check an image from outside, decode it completely and keep a small copy of it.

    Raises:
        ImageError: as `data_registry.images.pixels.decode`.
    """
    image = open_checked(data, limits.max_pixels)
    needed = estimate_thumbnail_bytes(image, data)
    check_memory(image, needed, limits.memory_bytes)
    with DECODING_MEMORY.reserve(needed):
        return decode_thumbnail(image)


def _choose_thumbnail_factor(image: Image.Image) -> int:
    """Choose the factor by which a JPEG is shrunk while decoding; 1 for other formats."""
    return 1 if min(image.size) < WHOLE_BELOW else choose_shrink_factor(image, SIDE)


def _reduce_to_thumbnail(image: Image.Image) -> Image.Image:
    """Average the pixels in squares."""
    return flatten_image(image, 1 if min(image.size) < WHOLE_BELOW else min(image.size) // SIDE)
