"""Render small pictures of stored images for pages and contact sheets."""

import io
from collections.abc import Callable

from PIL import Image, ImageOps

from data_registry.errors import ImageError, StorageError
from data_registry.images.pixels import decode_stored


def render_thumbnail(sha256: str, read: Callable[[str], bytes], side: int) -> bytes:
    """Render a square JPEG of an image; empty where it cannot be read, as after a takedown."""
    try:
        image = decode_stored(read(sha256), least_side=side).image
    except (ImageError, StorageError):
        return b""
    return encode_square_jpeg(image, side)


def encode_square_jpeg(image: Image.Image, side: int) -> bytes:
    """Encode the middle of an image as a square JPEG."""
    buffer = io.BytesIO()
    ImageOps.fit(image, (side, side)).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
