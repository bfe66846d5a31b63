"""Open an image: read its header with one of the allowed decoders."""

import contextlib
import functools
import importlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from data_registry.errors import ImageError
from data_registry.images.image_limits import PIXELS_SETTING
from data_registry.images.other_formats import describe_unreadable_file, state_expected_formats
from data_registry.images.raw_photographs import describe_raw_photograph

# Pillow knows many more, some of which start other programs (EPS) or hold files within files (ICO).
ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_HEIF = "HEIF"
_HEIF_PACKAGES = ("pillow_heif", "pi_heif")  # the second cannot write, and brings no GPL code

# Pillow's own limit is global state; ours is given per call and read from the header.
Image.MAX_IMAGE_PIXELS = None
# Blocks of more than 32 MB go back to the system when they are freed; by default Pillow takes 16 MB
# at a time, and every thread that once decoded a large image keeps its blocks.
Image.core.set_block_size(64 * 1024 * 1024)  # type: ignore[attr-defined]
# Damaged tags of a readable photograph are common and not worth a warning.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_image(data: bytes, max_pixels: int | None) -> Image.Image:
    """Read an image's header; its pixels are decoded by `load`, inside
    `convert_decoder_errors`.

    Args:
        data: the encoded file.
        max_pixels: width times height allowed; None for an image that was accepted before.

    Raises:
        ImageError: outcome ``not_an_image`` or ``too_many_pixels``.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=list_allowed_formats())
        raw = describe_raw_photograph(image, data) if max_pixels is not None else ""
    except UnidentifiedImageError as error:
        raise ImageError("not_an_image", describe_unreadable_file(data, can_read_heif())) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too_many_pixels", str(error)) from error
    except Exception as error:  # a broken header: each format plugin fails in its own way
        raise ImageError("not_an_image", f"the image header cannot be read: {error}") from error
    if raw:
        raise ImageError("not_an_image", state_expected_formats(f"{raw}; develop and convert it"))
    _refuse_many_pixels(image, max_pixels)
    return image


@functools.cache
def can_read_heif() -> bool:
    """Whether HEIC can be decoded: where pillow-heif or pi-heif is installed."""
    for name in _HEIF_PACKAGES:
        with contextlib.suppress(ImportError, OSError):  # OSError: its library does not load
            importlib.import_module(name).register_heif_opener(thumbnails=False)
            return True
    return False


def list_allowed_formats() -> tuple[str, ...]:
    """List Pillow's names of the formats that are opened."""
    return (*ALLOWED_FORMATS, _HEIF) if can_read_heif() else ALLOWED_FORMATS


@contextmanager
def convert_decoder_errors() -> Iterator[None]:
    """Turn any error of a decoder into an `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, and more
        raise ImageError("truncated", f"the image data is incomplete: {error}") from error


def read_format(image: Image.Image) -> str:
    """Read the format in lower case; MPO, several JPEGs in one file, counts as JPEG."""
    name = (image.format or "").lower()
    return "jpeg" if name == "mpo" else name


def _refuse_many_pixels(image: Image.Image, max_pixels: int | None) -> None:
    if max_pixels is None:
        return
    pixels = image.width * image.height
    # somebody else in this process may have set Pillow's limit, which by itself would only warn
    most = min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels)
    if pixels > most:
        raise ImageError(
            "too_many_pixels",
            f"{image.width} x {image.height} is {pixels:,} pixels; at most {most:,} are decoded "
            f"{PIXELS_SETTING}",
        )
