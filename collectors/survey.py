"""A whole image at a small size: every byte is decoded, few pixels are kept.

Checks and perceptual hashes need a few hundred pixels a side, not fifty million. What a decoder
itself needs is estimated from the header, so that threads can share the memory there is.
"""

from PIL import Image

from collectors.anatomy import has_more_scans
from data_registry.pixels import (
    Decoded,
    as_seen,
    decoding,
    eight_bits,
    format_of,
    is_flat,
    on_paper,
    orientation_of,
    shrink,
    shrinking,
    upright_size,
)

# The shorter side kept at least. On 268 photographs of 384 pixels a side and more, pHash then
# differs from that of all pixels in 0.11 of its 64 bits on average and in 2 at most, dHash in 0.24
# and 3 (tests/collectors/test_survey.py); with 192 it is 0.10 and 0.17, at twice the price of a
# check.
SIDE = 120
# Images with a shorter side are surveyed whole: half their pixels would be too few.
WHOLE_BELOW = 384
_STRIP = 250_000  # pixels flattened at a time
_TILE_WIDTH, _TILE_LENGTH, _BITS = 322, 323, 258  # TIFF tags

# Bytes a pixel that decoding was measured to take with Pillow 13, the result included.
_BY_FORMAT = {"webp": 17.0, "avif": 12.0}
_BY_MODE = {"1": 1.0, "L": 1.0, "P": 1.0, "I;16": 2.0, "I": 12.0, "F": 12.0}
_OTHER_MODES = 4.0
_JPEG_COEFFICIENT = 2.0


def decoding_bytes(image: Image.Image, data: bytes) -> int:
    """About how much memory `survey` takes for an opened image.

    Args:
        image: from `open_image`.
        data: the file, whose markers tell whether a JPEG comes in one scan.

    Raises:
        ImageError: outcome ``truncated``: the header makes no sense.
    """
    with decoding():
        return round(_needed_pixels(image) * _bytes_a_pixel(image, data))


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


def _draft_factor(image: Image.Image) -> int:
    """By how much a JPEG is shrunk while it is decoded; 1 for other formats."""
    return 1 if min(image.size) < WHOLE_BELOW else shrinking(image, SIDE)


def _reduced(image: Image.Image) -> Image.Image:
    """The pixels averaged in squares, flattened strip by strip so that no large copy is made."""
    plain = eight_bits(image) if image.mode in ("I", "F") else image
    factor = 1 if min(plain.size) < WHOLE_BELOW else min(plain.size) // SIDE
    if is_flat(plain):
        return plain.reduce(factor)
    rows = factor * max(1, _STRIP // (plain.width * factor))
    strips = [
        on_paper(plain.crop((0, top, plain.width, min(top + rows, plain.height)))).reduce(factor)
        for top in range(0, plain.height, rows)
    ]
    return _stacked(strips)


def _stacked(strips: list[Image.Image]) -> Image.Image:
    first = strips[0]
    stacked = Image.new(first.mode, (first.width, sum(strip.height for strip in strips)))
    stacked.info = first.info
    top = 0
    for strip in strips:
        stacked.paste(strip, (0, top))
        top += strip.height
    return stacked


def _needed_pixels(image: Image.Image) -> int:
    pixels = image.width * image.height
    if image.format != "TIFF":
        return pixels
    tags = image.tag_v2  # type: ignore[attr-defined]
    return max(pixels, int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0)))


def _bytes_a_pixel(image: Image.Image, data: bytes) -> float:
    by_mode = _BY_MODE.get(image.mode, _OTHER_MODES)
    kind = format_of(image)
    if kind == "jpeg":
        # one scan is decoded row by row; several are collected as coefficients first
        coefficients = _coefficients(image) if has_more_scans(data, 1) else 0.0
        return coefficients + _OTHER_MODES / _draft_factor(image) ** 2
    if kind == "tiff":
        bits = image.tag_v2.get(_BITS, (8,))  # type: ignore[attr-defined]
        return by_mode + float(sum(bits)) / 8
    return _BY_FORMAT.get(kind, by_mode)


def _coefficients(image: Image.Image) -> float:
    """Bytes a pixel of a JPEG's coefficients, from how its components are sampled."""
    layers = [(across, down) for _, across, down, _ in image.layer]  # type: ignore[attr-defined]
    most = max(across for across, _ in layers) * max(down for _, down in layers)
    samples: int = sum(across * down for across, down in layers)
    return float(_JPEG_COEFFICIENT * samples / most)
