"""A jellyfish's bell: a translucent half-ellipsoid, seen from any side.

Every pixel's line of sight meets the ellipsoid twice. Both skins are painted, the far one first,
with the light that a thin skin scatters (more where it is seen edge-on) and with the species'
markings, which are functions of the place on the skin.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float32Array
from flows.demo.drawing.canvas import Colour, Picture, mix_colours
from flows.demo.drawing.pose import Pose


@dataclass(frozen=True)
class Skin:
    """Places on the bell, one a pixel.

    Attributes:
        radius: distance from the axis, 0 at the crown, 1 at the widest place.
        reach: 0 at the crown, 1 at the rim, along the axis' distance.
        azimuth: angle about the axis in radians.
    """

    radius: Float32Array
    reach: Float32Array
    azimuth: Float32Array


Marking = Callable[[Skin], Float32Array]


@dataclass(frozen=True, kw_only=True)
class Bell:
    """One animal's bell.

    Attributes:
        height: of the crown over the widest place, in bell radii.
        skirt: how far the skin hangs below the widest place, as a share of `height`.
        lobes, lobe_depth: number and depth of the lappets along the rim.
        opacity: of the skin seen face-on, 0..1.
        colour, mark_colour: of the skin and of its markings.
        marking: how strongly each place is marked, 0..1.
    """

    height: float
    skirt: float
    lobes: int
    lobe_depth: float
    opacity: float
    colour: Colour
    mark_colour: Colour
    marking: Marking

    def compute_rim_height(self, azimuth: Float32Array) -> Float32Array:
        """Compute where the skin ends along the axis, below zero, for each azimuth."""
        notch = np.abs(np.cos(azimuth * (self.lobes / 2)))
        return np.asarray(-self.height * (self.skirt + self.lobe_depth * notch), dtype=np.float32)


_LIGHT = np.array([-0.25, -0.85, 0.45], dtype=np.float32)  # from above, a little from the left


def paint_bell(picture: Picture, bell: Bell, pose: Pose) -> None:
    """Paint both skins of the bell, in place."""
    rows, columns = _find_bounds(picture, pose, bell)
    window = picture[rows, columns]
    y, x = np.mgrid[rows, columns].astype(np.float32)
    sight = _Sight((x - pose.x) / pose.scale, (y - pose.y) / pose.scale, bell, pose)
    for towards_viewer in (-1.0, 1.0):
        _paint_skin(window, sight, towards_viewer, bell, pose)


class _Sight:
    """Lines of sight that meet the ellipsoid: body coordinates and the half chord."""

    def __init__(self, x: Float32Array, y: Float32Array, bell: Bell, pose: Pose) -> None:
        right, down, ahead = pose.turn
        squash = np.array([1, 1, 1 / bell.height], dtype=np.float32)
        along = ahead * squash
        norm = float(along @ along)
        start = x[..., None] * (right * squash) + y[..., None] * (down * squash)
        lean = start @ along
        chord = lean * lean - norm * ((start * start).sum(-1) - 1)
        self.hit = chord > 0
        self.chord = np.sqrt(chord[self.hit] / norm)  # 0 on the outline, 1 in the middle
        self.middle = start[self.hit] - (lean[self.hit] / norm)[:, None] * along
        self.step = (self.chord / np.sqrt(norm))[:, None] * along


def _paint_skin(window: Picture, sight: _Sight, side: float, bell: Bell, pose: Pose) -> None:
    ball = sight.middle + side * sight.step  # on the unit ball
    azimuth = np.arctan2(ball[:, 1], ball[:, 0])
    height = ball[:, 2] * bell.height
    rim = bell.compute_rim_height(azimuth)
    inside = np.clip((height - rim) * pose.scale * 0.6, 0, 1)
    inside *= np.clip(sight.chord * sight.chord * pose.scale * 0.6, 0, 1)
    skin = Skin(
        np.hypot(ball[:, 0], ball[:, 1]),
        (bell.height - height) / (bell.height - rim),
        azimuth,
    )
    mark = bell.marking(skin)
    edge_on = bell.opacity / (0.25 + 0.75 * sight.chord)
    alpha = np.clip(edge_on + 0.75 * mark, 0, 0.97) * inside
    if side < 0:
        alpha *= 0.6  # the far skin is seen through the near one
    normal = (ball / np.array([1, 1, bell.height], dtype=np.float32)) @ pose.turn.T
    lit = 0.72 + 0.28 * (normal @ _LIGHT) + 0.25 * (1 - sight.chord) ** 3
    colour = _colour_skin(mark, bell)
    pixels = window[sight.hit]
    window[sight.hit] = pixels + alpha[:, None] * (colour * lit[:, None] - pixels)


def _colour_skin(mark: Float32Array, bell: Bell) -> Picture:
    plain = np.asarray(bell.colour, dtype=np.float32)
    marked = np.asarray(bell.mark_colour, dtype=np.float32)
    return np.asarray(plain + mark[:, None] * (marked - plain), dtype=np.float32)


def _find_bounds(picture: Picture, pose: Pose, bell: Bell) -> tuple[slice, slice]:
    reach = pose.scale * max(1.0, bell.height) + 2
    height, width = picture.shape[:2]
    return (
        slice(max(0, int(pose.y - reach)), max(1, min(height, int(pose.y + reach) + 1))),
        slice(max(0, int(pose.x - reach)), max(1, min(width, int(pose.x + reach) + 1))),
    )


def mix_with_white(colour: Colour, share: float) -> Colour:
    """Mix the colour with white."""
    return mix_colours(colour, (1.0, 1.0, 1.0), share)
