"""The painter's tools: float pictures, soft masks, and smooth random fields.

A `Picture` is (height, width, 3) float32 in linear 0..1; a `Field` is (height, width) float32.
Thin shapes are drawn by Pillow at twice the size and halved, which is what softens their edges.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data_registry.arrays import Float32Array

Picture = Float32Array
Field = Float32Array
Points = Float32Array  # (n, 2): x, y in pixels
Colour = tuple[float, float, float]

_SUPERSAMPLING = 2


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], cells: float) -> Field:
    """Draw cloudy noise in 0..1, (height, width), with some `cells` bumps along the longer side."""
    height, width = shape
    longest = max(height, width)
    rows = max(2, round(cells * height / longest) + 1)
    columns = max(2, round(cells * width / longest) + 1)
    fine = enlarge_field(rng.random((rows, columns), dtype=np.float32), height, width)
    return np.clip(fine, 0.0, 1.0)


def enlarge_field(field: Field, height: int, width: int) -> Field:
    """Stretch a small field smoothly to (height, width)."""
    stretched = Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(stretched, dtype=np.float32)


def cover(picture: Picture, mask: Field, colour: Colour | Picture) -> None:
    """Lay a colour over the picture, in place, as opaque as the mask says."""
    picture += mask[..., None] * (np.asarray(colour, dtype=np.float32) - picture)


def add_light(picture: Picture, mask: Field, colour: Colour) -> None:
    """Add light to the picture, in place."""
    picture += mask[..., None] * np.asarray(colour, dtype=np.float32)


def mix_colours(one: Colour, other: Colour, share: float) -> Colour:
    """Mix two colours, `share` of the way from one to the other."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


class Strokes:
    """A soft-edged mask on which lines, discs and polygons are drawn in pixel units."""

    def __init__(self, height: int, width: int) -> None:
        self._size = (width, height)
        self._layer = Image.new("L", (width * _SUPERSAMPLING, height * _SUPERSAMPLING))
        self._draw = ImageDraw.Draw(self._layer)

    def draw_line(self, points: Points, width: float, strength: float) -> None:
        """Draw a line through the points, `width` pixels thick, `strength` in 0..1."""
        self._draw.line(
            _scale_points(points),
            fill=_convert_to_grey(strength),
            width=max(1, round(width * _SUPERSAMPLING)),
        )

    def draw_polygon(self, points: Points, strength: float) -> None:
        """Draw a filled polygon."""
        self._draw.polygon(_scale_points(points), fill=_convert_to_grey(strength))

    def draw_disc(self, x: float, y: float, radius: float, strength: float) -> None:
        """Draw a filled circle."""
        self._draw.ellipse(_build_box(x, y, radius), fill=_convert_to_grey(strength))

    def draw_ring(self, x: float, y: float, radius: float, width: float, strength: float) -> None:
        """Draw a circle's outline."""
        self._draw.ellipse(
            _build_box(x, y, radius),
            outline=_convert_to_grey(strength),
            width=max(1, round(width * _SUPERSAMPLING)),
        )

    def mask(self, blur: float = 0.0) -> Field:
        """Build the finished mask in 0..1, blurred by a Gaussian of `blur` pixels."""
        small = self._layer.resize(self._size, Image.Resampling.BOX)
        if blur > 0:
            small = small.filter(ImageFilter.GaussianBlur(blur))
        return np.asarray(small, dtype=np.float32) / np.float32(255)


def _scale_points(points: Points) -> list[float]:
    flat: list[float] = (points * _SUPERSAMPLING).ravel().tolist()
    return flat


def _build_box(x: float, y: float, radius: float) -> Sequence[float]:
    return [_SUPERSAMPLING * v for v in (x - radius, y - radius, x + radius, y + radius)]


def _convert_to_grey(strength: float) -> int:
    return round(255 * min(1.0, max(0.0, strength)))
