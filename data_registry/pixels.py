"""From encoded bytes to upright RGB pixels: the one place where images are decoded."""

import io
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from data_registry.errors import ImageError

ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
DEFAULT_MAX_PIXELS = 50_000_000
PAPER = (255, 255, 255)  # what shows through transparent pixels

# Pillow's own limit is global state; ours is given per call and read from the header.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Decoded:
    """An image as people see it: EXIF orientation applied, RGB.

    Attributes:
        image: upright RGB pixels.
        format: the sniffed format in lower case (``"jpeg"``), whatever the file's name says.
    """

    image: Image.Image
    format: str


def decode(data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS) -> Decoded:
    """Decode the whole image, so that a truncated one is found here and nowhere later.

    Args:
        data: the encoded file.
        max_pixels: width times height allowed, checked on the header before decoding.

    Raises:
        ImageError: outcome ``not_an_image``, ``too_many_pixels`` or ``truncated``.
    """
    image = _open(data)
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise ImageError(
            "too_many_pixels",
            f"{image.width} x {image.height} is {pixels:,} pixels; at most {max_pixels:,} "
            "are decoded",
        )
    image_format = (image.format or "").lower()
    try:
        image.load()
        return Decoded(_upright_rgb(image), "jpeg" if image_format == "mpo" else image_format)
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, and more
        raise ImageError("truncated", f"the image data is incomplete: {error}") from error


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=ALLOWED_FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(
            "not_an_image", f"the first bytes {data[:12]!r} are of no known image format"
        ) from error
    except Exception as error:  # a broken header: each format plugin fails in its own way
        raise ImageError("not_an_image", f"the image header cannot be read: {error}") from error


def _upright_rgb(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16") or upright.mode == "I":
        upright = upright.convert("I").point(lambda value: value / 256).convert("L")
    if "A" in upright.getbands() or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (*PAPER, 255))
        return Image.alpha_composite(paper, layer).convert("RGB")
    return upright.convert("RGB")
