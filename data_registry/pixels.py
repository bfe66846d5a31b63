"""From encoded bytes to upright sRGB pixels: the one place where images are decoded."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageCms, UnidentifiedImageError

from data_registry.errors import ImageError

ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
DEFAULT_MAX_PIXELS = 50_000_000
PAPER = (255, 255, 255)  # what shows through transparent pixels

# Pillow's own limit is global state; ours is given per call and read from the header.
Image.MAX_IMAGE_PIXELS = None

_ORIENTATION = 0x0112
_SHORT = 3
_SHRINKINGS = (8, 4, 2)
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
_FLAT_MODES = ("L", "RGB", "CMYK")
_SRGB_NAMES = ("sRGB".encode("ascii"), "sRGB".encode("utf-16-be"))


@dataclass(frozen=True)
class Decoded:
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
    data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS, least_side: int | None = None
) -> Decoded:
    """Decode the whole image, so that a truncated one is found here and nowhere later.

    Args:
        data: the encoded file.
        max_pixels: width times height allowed, checked on the header before decoding.
        least_side: the caller makes the image smaller anyway, to no less than this shorter side. A
            large JPEG is then decoded at a half, a quarter or an eighth, in a fraction of the time.

    Raises:
        ImageError: outcome ``not_an_image``, ``too_many_pixels`` or ``truncated``.
    """
    image = open_image(data, max_pixels)
    whole = image.size
    with decoding():
        if least_side is not None and (factor := shrinking(image, least_side)) > 1:
            shrink(image, factor)
        image.load()
        orientation = orientation_of(image)
        upright = as_seen(on_paper(image), orientation)
    return Decoded(upright, format_of(image), *upright_size(whole, orientation))


def shrinking(image: Image.Image, least_side: int) -> int:
    """By how much an image can be made smaller while it is decoded: 2, 4 or 8; 1 for not at all.

    JPEG's cosine transforms can be undone at a part of their size, which averages the pixels.

    Args:
        image: from `open_image`; nothing has loaded it yet.
        least_side: pixels that the shorter side must keep.
    """
    if format_of(image) != "jpeg":
        return 1
    return next((by for by in _SHRINKINGS if min(image.size) // by >= least_side), 1)


def shrink(image: Image.Image, factor: int) -> None:
    """Have an opened JPEG decoded at a part of its size, see `shrinking`."""
    image.draft(None, tuple(side // factor for side in image.size))  # type: ignore[arg-type]


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Read an image's header; its pixels are decoded by `load`, inside `decoding`.

    Raises:
        ImageError: outcome ``not_an_image`` or ``too_many_pixels``.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=ALLOWED_FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(
            "not_an_image", f"the first bytes {data[:12]!r} are of no known image format"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too_many_pixels", str(error)) from error
    except Exception as error:  # a broken header: each format plugin fails in its own way
        raise ImageError("not_an_image", f"the image header cannot be read: {error}") from error
    pixels = image.width * image.height
    # somebody else in this process may have set Pillow's limit, which by itself would only warn
    most = min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels)
    if pixels > most:
        raise ImageError(
            "too_many_pixels",
            f"{image.width} x {image.height} is {pixels:,} pixels; at most {most:,} are decoded",
        )
    return image


@contextmanager
def decoding() -> Iterator[None]:
    """Give whatever a decoder raises its name."""
    try:
        yield
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, and more
        raise ImageError("truncated", f"the image data is incomplete: {error}") from error


def format_of(image: Image.Image) -> str:
    """The format in lower case; a camera's several JPEGs in one file are a JPEG."""
    name = (image.format or "").lower()
    return "jpeg" if name == "mpo" else name


def is_flat(image: Image.Image) -> bool:
    """Whether pixels have eight bits, no palette and no transparency: mode L, RGB or CMYK."""
    return image.mode in _FLAT_MODES and "transparency" not in image.info


def on_paper(image: Image.Image) -> Image.Image:
    """The pixels on white paper, such that `is_flat` is true of them."""
    if is_flat(image):
        return image
    plain = eight_bits(image)
    if "A" in plain.getbands() or "transparency" in plain.info:
        layer = plain.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (*PAPER, 255))
        flat = Image.alpha_composite(paper, layer).convert("RGB")
        flat.info = {"icc_profile": plain.info.get("icc_profile")}
        return flat
    return plain if plain.mode in _FLAT_MODES else plain.convert("RGB")


def eight_bits(image: Image.Image) -> Image.Image:
    """Finer greyscales scaled to 0-255, not clipped; other modes as they are.

    16 bits use their whole range. 32-bit integers and real numbers have no agreed range: theirs
    is what the image holds.
    """
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("I", "F"):
        low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
        low, high = (0.0, max(high, 65535.0)) if image.mode == "I" and low >= 0 else (low, high)
        scale = 255 / ((high - low) or 1.0)
        return image.point(lambda value: value * scale - low * scale).convert("L")
    return image


def as_seen(image: Image.Image, orientation: int) -> Image.Image:
    """Pixels from `on_paper` in sRGB and upright."""
    rgb = _in_srgb(image)
    turn = _TURNS.get(orientation)
    return rgb if turn is None else rgb.transpose(turn)


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height after turning."""
    width, height = size
    return (height, width) if orientation in _SIDEWAYS else (width, height)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation of a loaded image, 1 to 8; 1 where none is given.

    Pillow's `getexif` copies whatever the tags claim to hold, which a file of 60 KB can drive to
    hundreds of megabytes; here one number is read.
    """
    if image.format == "TIFF":
        value = image.tag_v2.get(_ORIENTATION, 1)  # type: ignore[attr-defined]
        return value if isinstance(value, int) else 1
    exif = image.info.get("exif")
    return exif_orientation(exif) if isinstance(exif, bytes) else 1


def exif_orientation(exif: bytes) -> int:
    """The orientation in an EXIF block, 1 to 8; 1 where it has none or is broken."""
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


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or any(name in profile for name in _SRGB_NAMES):
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        managed = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile that does not fit the pixels
        return image.convert("RGB")
    return image.convert("RGB") if managed is None else managed
