"""Estimate the cost of decoding an image from its header, before a pixel is decoded."""

from typing import Any

from PIL import Image

from data_registry.errors import ImageError
from data_registry.images.av1_frames import measure_frames
from data_registry.images.file_structure import count_scans, has_more_scans
from data_registry.images.image_items import list_coded_images
from data_registry.images.opening import convert_decoder_errors, read_format
from data_registry.text.wording import count_noun

_SHRINK_FACTORS = (8, 4, 2)
_BITS, _COMPRESSION = 258, 259  # TIFF tags
_STRIP_OFFSETS, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS = 273, 322, 323, 324
_JPEG_IN_TIFF = (6, 7)

# Bytes a pixel that decoding was measured to take with Pillow 13, the result included.
_BY_FORMAT = {"webp": 17.0, "avif": 12.0, "heif": 12.0}
_BY_MODE = {"1": 1.0, "L": 1.0, "P": 1.0, "I;16": 2.0, "I": 12.0, "F": 16.0}
_OTHER_MODES = 4.0
_JPEG_COEFFICIENT = 2.0

# Encoders make ten scans of a photograph, eighteen of four inks. Each is a pass over all pixels,
# 3 ns each: what has more must be small.
_USUAL_SCANS, _MOST_SCANS = 20, 200
_MOST_SCANNED = 100_000_000  # scans times pixels

# An AVIF's tiles may be larger than the image that they cover, and each of its pixels may be coded
# in several layers, and once more for the alpha channel.
_MOST_COVERED, _MOST_CODED = 4, 10  # times the pixels that the header states
_LEAST_STATED = 1_000_000


def choose_shrink_factor(image: Image.Image, least_side: int) -> int:
    """Choose the factor by which decoding may shrink an image: 2, 4 or 8; 1 for not at all.

    JPEG decoders can invert the cosine transform at a smaller size, which averages the pixels.

    Args:
        image: from `open_image`; nothing has loaded it yet.
        least_side: pixels that the shorter side must keep.
    """
    return choose_shrink_factor_for(read_format(image), min(image.size), least_side)


def choose_shrink_factor_for(image_format: str, shorter_side: int, least_side: int) -> int:
    """Choose the factor from an image's format and shorter side; see `choose_shrink_factor`."""
    if image_format != "jpeg":
        return 1
    return next((by for by in _SHRINK_FACTORS if shorter_side // by >= least_side), 1)


def shrink(image: Image.Image, factor: int) -> None:
    """Have an opened JPEG decoded at a part of its size, see `choose_shrink_factor`."""
    image.draft(None, tuple(side // factor for side in image.size))  # type: ignore[arg-type]


def check_scans(image: Image.Image, data: bytes) -> None:
    """Refuse a JPEG with very many scans, and an AVIF with other pixels than its header states.

    Args:
        image: from `open_image`.
        data: the file.

    Raises:
        ImageError: outcome ``decoding_bomb``; ``truncated``: the header makes no sense.
    """
    if read_format(image) == "avif":
        _check_coded_pixels(image, data)
    pixels = image.width * image.height
    most = min(max(_USUAL_SCANS, _MOST_SCANNED // max(pixels, 1)), _MOST_SCANS)
    with convert_decoder_errors():
        scans = _count_image_scans(image, data, most)
    if scans > most:
        raise ImageError(
            "decoding_bomb",
            f"more than {most} scans, each a pass over all {pixels:,} pixels",
        )


def _check_coded_pixels(image: Image.Image, data: bytes) -> None:
    """Refuse an AVIF that holds far more pixels than its header states: all of them are decoded."""
    coded = _measure_coded_pixels(data)
    stated = max(image.width * image.height, _LEAST_STATED)
    if max(coded, default=0) > _MOST_COVERED * stated or sum(coded) > _MOST_CODED * stated:
        raise ImageError(
            "decoding_bomb",
            f"its header states {image.width} x {image.height} pixels, and what it holds has "
            f"{sum(coded):,} in {count_noun(len(coded), 'frame')}",
        )


def _measure_coded_pixels(data: bytes) -> list[int]:
    with convert_decoder_errors():
        return [pixels for part in list_coded_images(data) for pixels in measure_frames(part)]


def estimate_decoding_bytes(image: Image.Image, data: bytes, shrunk_by: int = 1) -> int:
    """Estimate the bytes that decoding an opened image takes.

    Args:
        image: from `open_image`.
        data: the file, whose markers tell whether a JPEG comes in one scan.
        shrunk_by: see `choose_shrink_factor`.

    Raises:
        ImageError: outcome ``truncated``: the header makes no sense.
    """
    with convert_decoder_errors():
        return round(
            _count_needed_pixels(image, data) * _estimate_bytes_per_pixel(image, data, shrunk_by)
        )


def check_memory(image: Image.Image, needed: int, given: int) -> None:
    """Refuse an image that needs more memory than it may take.

    Raises:
        ImageError: outcome ``too_much_memory``.
    """
    if needed > given:
        raise ImageError(
            "too_much_memory",
            f"decoding this {image.format} of {image.width} x {image.height} takes about "
            f"{needed:,} bytes; {given:,} are given",
        )


def _count_image_scans(image: Image.Image, data: bytes, most: int) -> int:
    kind = read_format(image)
    if kind == "jpeg":
        return count_scans(data, most)
    if kind != "tiff" or _read_tags(image).get(_COMPRESSION) not in _JPEG_IN_TIFF:
        return 1
    parts = _read_tags(image).get(_TILE_OFFSETS) or _read_tags(image).get(_STRIP_OFFSETS) or (0,)
    parts = len(parts) if isinstance(parts, tuple) else 1
    return most + 1 if has_more_scans(data, most * parts) else 1


def _count_needed_pixels(image: Image.Image, data: bytes) -> int:
    pixels = image.width * image.height
    if read_format(image) == "avif":
        return max(pixels, *_measure_coded_pixels(data), 0)
    if image.format != "TIFF":
        return pixels
    tags = _read_tags(image)
    return max(pixels, int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0)))


def _estimate_bytes_per_pixel(image: Image.Image, data: bytes, shrunk_by: int) -> float:
    by_mode = _BY_MODE.get(image.mode, _OTHER_MODES)
    kind = read_format(image)
    if kind == "jpeg":
        # one scan is decoded row by row; several are collected as coefficients first
        coefficients = _estimate_coefficient_bytes(image) if has_more_scans(data, 1) else 0.0
        return coefficients + _OTHER_MODES / shrunk_by**2
    if kind == "tiff":
        return by_mode + float(sum(_read_tags(image).get(_BITS, (8,)))) / 8
    return _BY_FORMAT.get(kind, by_mode)


def _estimate_coefficient_bytes(image: Image.Image) -> float:
    """Estimate the bytes per pixel of a JPEG's coefficients from its component sampling."""
    layers = [(across, down) for _, across, down, _ in image.layer]  # type: ignore[attr-defined]
    most = max(across for across, _ in layers) * max(down for _, down in layers)
    samples: int = sum(across * down for across, down in layers)
    return float(_JPEG_COEFFICIENT * samples / most)


def _read_tags(image: Image.Image) -> dict[int, Any]:
    tags: dict[int, Any] = image.tag_v2  # type: ignore[attr-defined]
    return tags
