"""From fetched bytes to an image record, or the reason why they are no usable image."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from collectors.outcomes import Outcome
from data_registry.errors import ImageError
from data_registry.image_record import describe
from data_registry.pixels import DEFAULT_MAX_PIXELS, decode
from data_registry.records import ImageRecord

_GRID = (64, 64)
_PERCENTILES = (0.5, 99.5)  # 20 of the 4,096 grid cells may differ at either end


@dataclass(frozen=True)
class CheckSettings:
    """What an image must be to be kept.

    Attributes:
        max_pixels: width times height that is decoded.
        min_side: shortest side accepted, in pixels.
        min_contrast: contrast below which an image is blank, see `contrast`; 0 to 255.
    """

    max_pixels: int = DEFAULT_MAX_PIXELS
    min_side: int = 64
    min_contrast: float = 8.0


def check_image(data: bytes, settings: CheckSettings) -> ImageRecord:
    """Decode the image completely, check it, and describe it.

    Raises:
        ImageError: with the outcome ``not_an_image``, ``truncated``, ``too_many_pixels``,
            ``too_small`` or ``blank``; never anything else, whatever the bytes are.
    """
    decoded = decode(data, settings.max_pixels)
    _check_side(decoded.image, settings.min_side)
    _check_contrast(decoded.image, settings.min_contrast)
    return describe(data, decoded)


def contrast(image: Image.Image) -> float:
    """How far an image's colours lie apart: 0 (one flat colour) to 255.

    The image is reduced to 64 x 64 cells of averaged colour, which takes away noise and the
    traces of compression. The answer is the distance between the 0.5th and the 99.5th percentile
    of the cells, in the channel where it is largest: an animal that covers one hundredth of an
    otherwise flat picture counts, a few specks do not.

    Args:
        image: RGB.
    """
    cells = np.asarray(image.resize(_GRID, Image.Resampling.BOX), dtype=np.float32)
    low, high = np.percentile(cells, _PERCENTILES, axis=(0, 1))
    return float((high - low).max())


def _check_side(image: Image.Image, min_side: int) -> None:
    if min(image.size) < min_side:
        raise ImageError(
            Outcome.TOO_SMALL,
            f"{image.width} x {image.height} pixels; at least {min_side} a side are expected",
        )


def _check_contrast(image: Image.Image, min_contrast: float) -> None:
    found = contrast(image)
    if found < min_contrast:
        raise ImageError(
            Outcome.BLANK,
            f"its contrast is {found:.1f} of 255; at least {min_contrast:.1f} is expected",
        )
