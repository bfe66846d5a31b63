"""Decode encoded bytes to upright sRGB pixels. All decoding happens here."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageCms

from data_registry.images.decoding_cost import (
    check_memory,
    check_scans,
    choose_shrink_factor,
    estimate_decoding_bytes,
    shrink,
)
from data_registry.images.file_structure import check_structure
from data_registry.images.image_limits import DEFAULT_LIMITS, ImageLimits
from data_registry.images.memory import DECODING_MEMORY
from data_registry.images.opening import convert_decoder_errors, open_image, read_format
from data_registry.images.pixel_depth import (
    Depth,
    convert_to_eight_bits,
    is_deeper_than_eight_bits,
    measure_depth,
)

PAPER = (255, 255, 255)  # what shows through transparent pixels

_ORIENTATION = 0x0112
_SHORT = 3
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)  # width and height change places
_LAYER_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_FLAT_MODES = ("L", "RGB", "CMYK")
_SRGB_NAMES = ("sRGB".encode("ascii"), "sRGB".encode("utf-16-be"))
_STRIP = 250_000  # pixels flattened at a time
_FLATTENING = 8  # bytes a pixel: the flat copy, and one that is turned or has other colours


@dataclass(frozen=True)
class DecodedImage:
    """An image as people see it: EXIF orientation applied, in sRGB, on white paper.

    Attributes:
        image: upright RGB pixels; all of them, or a smaller copy that shows the whole image.
        format: the sniffed format in lower case (``"jpeg"``), whatever the file's name says.
        width, height: of the whole image, upright, in pixels.
    """

    image: Image.Image
    format: str
    width: int
    height: int


def decode(
    data: bytes, limits: ImageLimits = DEFAULT_LIMITS, least_side: int | None = None
) -> DecodedImage:
    """Decode a whole image from outside, so that a damaged one is found here.

    Args:
        data: the encoded file.
        limits: checked on the header before decoding.
        least_side: the caller makes the image smaller anyway, to no less than this shorter side. A
            large JPEG is then decoded at a half, a quarter or an eighth, in a fraction of the time.

    Raises:
        ImageError: outcome ``metadata_bomb``, ``decoding_bomb``, ``not_an_image``,
            ``too_many_pixels``, ``too_much_memory`` or ``truncated``.
    """
    image = open_checked(data, limits.max_pixels)
    check_memory(image, estimate_decoding_bytes(image, data), limits.memory_bytes)
    return _decode_opened(image, data, least_side)


def decode_stored(data: bytes, least_side: int | None = None) -> DecodedImage:
    """Decode a stored image, which passed the limits when it came in.

    Limits that were lowered since do not make it unusable.

    Args:
        data: the encoded file.
        least_side: as `decode`.

    Raises:
        ImageError: outcome ``not_an_image`` or ``truncated``: its bytes are damaged.
    """
    return _decode_opened(open_image(data, None), data, least_side)


def open_checked(data: bytes, max_pixels: int) -> Image.Image:
    """Open an image from outside after checking that decoding it takes a reasonable time.

    Raises:
        ImageError: outcome ``metadata_bomb``, ``decoding_bomb``, ``not_an_image`` or
            ``too_many_pixels``.
    """
    check_structure(data)
    image = open_image(data, max_pixels)
    check_scans(image, data)
    return image


def _decode_opened(image: Image.Image, data: bytes, least_side: int | None) -> DecodedImage:
    factor = 1 if least_side is None else choose_shrink_factor(image, least_side)
    needed = estimate_decoding_bytes(image, data, factor) + estimate_flattening_bytes(image, factor)
    with DECODING_MEMORY.reserve(needed), convert_decoder_errors():
        return _load_upright(image, factor)


def _load_upright(image: Image.Image, factor: int) -> DecodedImage:
    whole = image.size
    if factor > 1:
        shrink(image, factor)
    image.load()
    orientation = read_orientation(image)
    upright = convert_to_upright_srgb(flatten_image(image), orientation)
    return DecodedImage(upright, read_format(image), *compute_upright_size(whole, orientation))


def estimate_flattening_bytes(image: Image.Image, shrunk_by: int) -> int:
    """Estimate the bytes that flattening and turning take beside an image's pixels."""
    return _FLATTENING * image.width * image.height // shrunk_by**2


def is_flat(image: Image.Image) -> bool:
    """Whether pixels have eight bits, no palette and no transparency: mode L, RGB or CMYK."""
    return image.mode in _FLAT_MODES and "transparency" not in image.info


def flatten_image(image: Image.Image, reduced_by: int = 1) -> Image.Image:
    """Flatten a loaded image on white, so that `is_flat` is true of the result.

    Works strip by strip, so that the result is the only large copy.

    Args:
        image: all of it.
        reduced_by: average the pixels in squares of this side.
    """
    if is_flat(image):
        return image.reduce(reduced_by) if reduced_by > 1 else image
    depth = measure_depth(image) if is_deeper_than_eight_bits(image) else None
    rows = reduced_by * max(1, _STRIP // (image.width * reduced_by))
    if rows >= image.height:
        return _reduce(_compose_on_white(image, depth), reduced_by)
    strips = (
        image.crop((0, top, image.width, min(top + rows, image.height)))
        for top in range(0, image.height, rows)
    )
    flat = (_reduce(_compose_on_white(strip, depth), reduced_by) for strip in strips)
    return _stack_strips(flat, -(-image.height // reduced_by))


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _stack_strips(strips: Iterator[Image.Image], height: int) -> Image.Image:
    first = next(strips)
    stacked = Image.new(first.mode, (first.width, height))
    stacked.info = first.info
    stacked.paste(first, (0, 0))
    top = first.height
    for strip in strips:
        stacked.paste(strip, (0, top))
        top += strip.height
    return stacked


def _compose_on_white(image: Image.Image, depth: Depth | None) -> Image.Image:
    plain = convert_to_eight_bits(image, depth) if depth else image
    if "transparency" in plain.info or plain.mode in _LAYER_MODES:
        layer = plain.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (*PAPER, 255))
        flat = Image.alpha_composite(paper, layer).convert("RGB")
        flat.info = {"icc_profile": plain.info.get("icc_profile")}
        return flat
    return plain if plain.mode in _FLAT_MODES else plain.convert("RGB")


def convert_to_upright_srgb(image: Image.Image, orientation: int) -> Image.Image:
    """Convert pixels from `flatten_image` to sRGB and turn them upright."""
    rgb = _convert_to_srgb(image)
    turn = _TURNS.get(orientation)
    return rgb if turn is None else rgb.transpose(turn)


def compute_upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Compute width and height after turning."""
    width, height = size
    return (height, width) if orientation in _SIDEWAYS else (width, height)


def read_orientation(image: Image.Image) -> int:
    """Read the EXIF orientation of a loaded image, 1 to 8; 1 where it has none.

    Pillow's `getexif` copies whatever the tags claim to hold, which a file of 60 KB can drive to
    hundreds of megabytes; here one number is read.
    """
    if image.format == "TIFF":
        value = image.tag_v2.get(_ORIENTATION, 1)  # type: ignore[attr-defined]
        return value if isinstance(value, int) else 1
    exif = image.info.get("exif")
    return parse_exif_orientation(exif) if isinstance(exif, bytes) else 1


def parse_exif_orientation(exif: bytes) -> int:
    """Parse the orientation in an EXIF block, 1 to 8; 1 where it is missing or damaged."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "")
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, place)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and value in range(1, 9) and order else 1
    except struct.error:  # the block ends early
        pass
    return 1


def _convert_to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    # A TIFF may state its profile in numbers or as text: it is ignored, as other broken ones are.
    if (
        not isinstance(profile, bytes)
        or not profile
        or any(name in profile for name in _SRGB_NAMES)
    ):
        return _convert_to_rgb(image)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        managed = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile that does not fit the pixels
        return _convert_to_rgb(image)
    return _convert_to_rgb(image) if managed is None else managed


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")
