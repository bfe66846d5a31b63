"""Scale pixels of more than eight bits to 0-255 instead of clipping them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from data_registry.arrays import Float32Array

_SIXTEEN_BITS = 65535.0
_WHITE = 255 * 256.0  # 16 bits are cut to their upper eight, as decoders do with colours
# Tools that write real numbers mark what was not measured by the lowest float there is.
_NO_MEASUREMENT = 1e37
_SAMPLE_FORMAT, _BITS, _GDAL_NODATA = 339, 258, 42113  # TIFF tags
# What tools for maps write where nothing was measured, whether or not they state it in the tag.
_USUAL_NODATA = (-9999.0, -99999.0, -32768.0)
_UNSIGNED = 1


@dataclass(frozen=True)
class Depth:
    """The values of black and white in an image of more than eight bits.

    Attributes:
        is_unsigned: 32-bit integers whose highest bit is no sign, although Pillow holds it as one.
    """

    low: float
    high: float
    is_unsigned: bool = False


def is_deeper_than_eight_bits(image: Image.Image) -> bool:
    """Whether pixels are greys of more than eight bits."""
    return image.mode.startswith("I") or image.mode == "F"


def measure_depth(image: Image.Image) -> Depth:
    """Measure the range of a loaded image of more than eight bits.

    16 bits use their whole range. 32-bit integers and real numbers have no agreed range: theirs
    is what the image holds.
    """
    if image.mode.startswith("I;16"):
        return Depth(0, _WHITE)
    if image.mode == "F":
        return _measure_range(np.asarray(image), (*_USUAL_NODATA, *_read_nodata(image)))
    is_unsigned = _is_unsigned(image)
    values = _read_values(image, is_unsigned)
    low, high = float(values.min()), float(values.max())
    return Depth(min(low, 0.0), max(high, _SIXTEEN_BITS) if low >= 0 else high, is_unsigned)


def convert_to_eight_bits(image: Image.Image, depth: Depth) -> Image.Image:
    """Convert an image of more than eight bits, or a part of it, to mode L."""
    values = _read_values(image, depth.is_unsigned)
    within = np.nan_to_num(np.clip(values.astype(np.float32), depth.low, depth.high), nan=depth.low)
    scaled = (within - depth.low) * (255 / ((depth.high - depth.low) or 1.0))
    grey = Image.fromarray(scaled.astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # one of the fine greys stands for "nothing here"
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _measure_range(values: Float32Array, nodata: Sequence[float]) -> Depth:
    measured = np.abs(values) < _NO_MEASUREMENT  # false for NaN as well
    measured &= ~np.isin(values, np.asarray(nodata, np.float32))
    if not measured.any():
        return Depth(0, 1)
    low = np.min(values, where=measured, initial=np.inf)
    return Depth(float(low), float(np.max(values, where=measured, initial=-np.inf)))


def _read_nodata(image: Image.Image) -> tuple[float, ...]:
    """Read the number that stands for "not measured" from the tag that GDAL writes."""
    if image.format != "TIFF":
        return ()
    stated = image.tag_v2.get(_GDAL_NODATA, "")  # type: ignore[attr-defined]
    try:
        return (float(str(stated).strip("\0 ")),)
    except ValueError:
        return ()


def _read_values(image: Image.Image, is_unsigned: bool) -> npt.NDArray[np.generic]:
    values = np.asarray(image)
    return values.view(np.uint32) if is_unsigned else values


def _is_unsigned(image: Image.Image) -> bool:
    if image.mode != "I" or image.format != "TIFF":
        return False
    tags = image.tag_v2  # type: ignore[attr-defined]
    kinds = tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
    return tuple(tags.get(_BITS, ())) == (32,) and tuple(kinds) == (_UNSIGNED,)
