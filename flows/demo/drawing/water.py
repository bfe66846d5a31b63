"""The sea around the animals: depth, light from above, drifting specks and bubbles."""

from dataclasses import dataclass

import numpy as np

from flows.demo.drawing.canvas import (
    Colour,
    Field,
    Picture,
    Strokes,
    add_light,
    cover,
    enlarge_field,
    mix_colours,
    smooth_field,
)

_SURFACE: tuple[Colour, ...] = (
    (0.20, 0.56, 0.72),
    (0.10, 0.42, 0.68),
    (0.22, 0.60, 0.58),
    (0.34, 0.62, 0.52),
    (0.12, 0.30, 0.60),
    (0.42, 0.66, 0.74),
)
_DEPTH: tuple[Colour, ...] = (
    (0.01, 0.06, 0.18),
    (0.02, 0.12, 0.26),
    (0.01, 0.16, 0.20),
    (0.05, 0.20, 0.18),
    (0.02, 0.03, 0.10),
    (0.08, 0.22, 0.36),
)

_FAR = 4  # far shapes are drawn at a fourth of the size


@dataclass(frozen=True)
class Water:
    """The colours of one place in the sea: near the surface and in the depth."""

    surface: Colour
    depth: Colour

    @property
    def haze(self) -> Colour:
        """What things far away fade into."""
        return mix_colours(self.depth, self.surface, 0.45)


def choose_water(rng: np.random.Generator) -> Water:
    """Any surface colour over any depth colour, a little off from both."""
    red, green, blue = rng.uniform(0.85, 1.15, 3).tolist()
    surface = _SURFACE[rng.integers(len(_SURFACE))]
    depth = _DEPTH[rng.integers(len(_DEPTH))]
    return Water(
        (surface[0] * red, surface[1] * green, surface[2] * blue),
        (depth[0] * red, depth[1] * green, depth[2] * blue),
    )


def paint_water(rng: np.random.Generator, height: int, width: int, water: Water) -> Picture:
    """Paint an empty stretch of water, (height, width, 3)."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = rng.uniform(-0.7, 0.7)
    level = (rows / height - 0.5) + slope * (columns / width - 0.5)
    brightness = np.clip(0.5 - level * rng.uniform(0.6, 1.4) + rng.uniform(-0.25, 0.25), 0, 1)
    clouds = smooth_field(rng, (height, width), rng.uniform(2, 6)) - 0.5
    brightness = np.clip(brightness + rng.uniform(0.2, 0.8) * clouds, 0, 1)
    depth = np.asarray(water.depth, dtype=np.float32)
    surface = np.asarray(water.surface, dtype=np.float32)
    picture: Picture = depth + brightness[..., None].astype(np.float32) * (surface - depth)
    if rng.random() < 0.65:
        add_light(
            picture,
            _draw_light_shafts(rng, rows, columns),
            mix_colours(water.surface, (1, 1, 1), 0.4),
        )
    _paint_far_shapes(rng, picture, water)
    if rng.random() < 0.3:
        _paint_bottom(rng, picture, rows, water)
    return picture


def paint_drift(rng: np.random.Generator, picture: Picture, specks: float) -> None:
    """Paint plankton, out-of-focus specks and bubbles, in place; `specks` scales their number."""
    height, width = picture.shape[:2]
    rows, columns = height // 2, width // 2
    near, sharp = Strokes(rows, columns), Strokes(height, width)
    for _ in range(rng.poisson(7 * specks)):
        near.draw_disc(
            *_choose_place(rng, columns, rows), rng.uniform(0.8, 3.5), rng.uniform(0.08, 0.4)
        )
    for _ in range(rng.poisson(40 * specks)):
        sharp.draw_disc(
            *_choose_place(rng, width, height), rng.uniform(0.3, 1.1), rng.uniform(0.2, 0.9)
        )
    if rng.random() < 0.3:
        _draw_bubbles(rng, sharp, width, height)
    blurred = enlarge_field(near.mask(blur=rng.uniform(0.3, 1.2)), height, width)
    add_light(picture, np.maximum(blurred, sharp.mask()), (0.52, 0.64, 0.64))


def _draw_light_shafts(rng: np.random.Generator, rows: Field, columns: Field) -> Field:
    height, width = rows.shape
    x, y = rng.uniform(-0.3, 1.3) * width, -rng.uniform(0.15, 0.9) * height
    angle = (columns - x) / (rows - y)  # the tangent will do: it grows along every row
    profile = np.clip(rng.normal(0, 1, 24), 0, 2.2)
    beams = np.interp(angle, np.linspace(-2.5, 2.5, 24), profile)
    fade = np.clip(1.1 - rows / (height * rng.uniform(0.6, 1.3)), 0, 1)
    return np.asarray(beams * fade * rng.uniform(0.06, 0.22), dtype=np.float32)


def _paint_far_shapes(rng: np.random.Generator, picture: Picture, water: Water) -> None:
    height, width = picture.shape[:2]
    rows, columns = height // _FAR, width // _FAR  # they are blurred: a small drawing will do
    far = Strokes(rows, columns)
    for _ in range(rng.integers(0, 5)):
        reach = rng.uniform(0.04, 0.2) * min(rows, columns)
        corners = rng.normal(0, reach, (rng.integers(4, 9), 2)) + _choose_place(rng, columns, rows)
        far.draw_polygon(corners.astype(np.float32), rng.uniform(0.15, 0.6))
    small = far.mask(blur=rng.uniform(0.02, 0.06) * min(rows, columns))
    shade = mix_colours(water.depth, (1, 1, 1), rng.uniform(0.0, 0.5))
    cover(picture, enlarge_field(small, height, width), shade)


def _paint_bottom(rng: np.random.Generator, picture: Picture, rows: Field, water: Water) -> None:
    height, width = rows.shape
    ridge = smooth_field(rng, (1, width), rng.uniform(3, 9))[0]
    line = height * (rng.uniform(0.7, 0.95) - rng.uniform(0.05, 0.3) * ridge)
    mask = np.clip((rows - line[None, :]) / (0.03 * height), 0, 1) * rng.uniform(0.4, 0.9)
    rock = mix_colours(water.depth, (0.35, 0.33, 0.26), rng.uniform(0.1, 0.6))
    grain = smooth_field(rng, rows.shape, rng.uniform(15, 40))[..., None]
    cover(picture, mask.astype(np.float32), (0.5 + grain) * np.asarray(rock, dtype=np.float32))


def _draw_bubbles(rng: np.random.Generator, layer: Strokes, width: int, height: int) -> None:
    x, y = _choose_place(rng, width, height)
    for _ in range(rng.integers(3, 12)):
        radius = rng.uniform(1, 5)
        x, y = x + rng.normal(0, 7), y - rng.uniform(4, 14)
        layer.draw_ring(x, y, radius, 0.6, rng.uniform(0.3, 0.8))
        layer.draw_disc(x - radius / 3, y - radius / 3, radius / 4, 0.9)


def _choose_place(rng: np.random.Generator, width: int, height: int) -> tuple[float, float]:
    return rng.uniform(0, width), rng.uniform(0, height)
