"""Animals that are no jellyfish: starfish, fish, crab, sea urchin."""

import numpy as np

from flows.demo.drawing.canvas import (
    Colour,
    Picture,
    Points,
    Strokes,
    cover,
    mix_colours,
    smooth_field,
)
from flows.demo.drawing.water import Water

_COLOURS: tuple[Colour, ...] = (
    (0.85, 0.40, 0.22),
    (0.90, 0.72, 0.30),
    (0.62, 0.30, 0.50),
    (0.75, 0.76, 0.80),
    (0.35, 0.55, 0.62),
    (0.50, 0.38, 0.26),
)


def paint_starfish(rng: np.random.Generator, picture: Picture, water: Water) -> None:
    """Five to seven tapering arms with a row of warts on each."""
    body = _Body(rng, picture, (0.22, 0.42))
    arms, depth = int(rng.integers(5, 8)), rng.uniform(0.25, 0.5)
    angle = np.linspace(0, 2 * np.pi, 160)
    radius = depth + (1 - depth) * (0.5 + 0.5 * np.cos(arms * angle)) ** rng.uniform(1.2, 2.5)
    body.fill.draw_polygon(body.transform(radius * np.cos(angle), radius * np.sin(angle)), 1.0)
    for arm in range(arms):
        for step in np.linspace(0.1, 0.85, 7):
            turn = 2 * np.pi * arm / arms
            ((x, y),) = body.transform(step * np.cos([turn]), step * np.sin([turn]))
            body.detail.draw_disc(x, y, body.size * 0.035, rng.uniform(0.4, 0.9))
    body.paint(water)


def paint_fish(rng: np.random.Generator, picture: Picture, water: Water) -> None:
    """Paint a body with tail, fins, stripes and an eye."""
    body = _Body(rng, picture, (0.22, 0.42))
    slim = rng.uniform(0.28, 0.6)
    angle = np.linspace(0, 2 * np.pi, 60)
    body.fill.draw_polygon(body.transform(np.cos(angle) * 0.8, slim * np.sin(angle) * 0.9), 1.0)
    body.fill.draw_polygon(body.transform([-0.7, -1.25, -1.1, -1.25], [0, -0.45, 0, 0.45]), 0.9)
    body.fill.draw_polygon(
        body.transform([0.2, -0.4, -0.5], [-0.7 * slim, -1.5 * slim, -0.5 * slim]), 0.85
    )
    body.fill.draw_polygon(
        body.transform([0.1, -0.3, -0.3], [0.7 * slim, 1.4 * slim, 0.5 * slim]), 0.85
    )
    for place in np.linspace(-0.45, 0.3, rng.integers(2, 7)):
        tall = 0.8 * slim * np.sqrt(1 - place * place)
        body.detail.draw_line(
            body.transform([place, place + 0.05, place], [-tall, 0, tall]), body.size * 0.07, 0.8
        )
    ((x, y),) = body.transform([0.55], [-0.2 * slim])
    body.detail.draw_disc(x, y, body.size * 0.06, 1.0)
    body.paint(water)


def paint_crab(rng: np.random.Generator, picture: Picture, water: Water) -> None:
    """Paint a broad shell, eight legs, two claws."""
    body = _Body(rng, picture, (0.18, 0.34))
    flat = rng.uniform(0.5, 0.8)
    for side in (-1, 1):
        for leg in np.linspace(-0.5, 0.6, 4):
            bent = [leg * flat, leg - 0.25, leg + 0.4]
            body.fill.draw_line(
                body.transform([side * 0.5, side * 1.15, side * 1.45], bent), body.size * 0.1, 0.9
            )
        claw = body.transform([side * 0.6, side, side * 0.72], [-0.3, -0.8, -1.15])
        body.fill.draw_line(claw, body.size * 0.14, 1.0)
        x, y = claw[-1]
        body.fill.draw_disc(x, y, body.size * 0.2, 1.0)
    angle = np.linspace(0, 2 * np.pi, 50)
    body.fill.draw_polygon(body.transform(np.cos(angle), flat * np.sin(angle)), 1.0)
    for x, y in body.transform(rng.uniform(-0.7, 0.7, 14), rng.uniform(-0.4, 0.4, 14)):
        body.detail.draw_disc(x, y, body.size * rng.uniform(0.03, 0.09), rng.uniform(0.3, 0.8))
    body.paint(water)


def paint_urchin(rng: np.random.Generator, picture: Picture, water: Water) -> None:
    """Paint a ball of spines."""
    body = _Body(rng, picture, (0.14, 0.26))
    core = rng.uniform(0.4, 0.65)
    for turn in rng.uniform(0, 2 * np.pi, rng.integers(60, 130)):
        tip = rng.uniform(1.0, 1.7)
        path = body.transform([0, tip * np.cos(turn)], [0, tip * np.sin(turn)])
        body.fill.draw_line(path, body.size * 0.035, rng.uniform(0.5, 0.95))
    ((x, y),) = body.transform([0.0], [0.0])
    body.fill.draw_disc(x, y, body.size * core, 1.0)
    for dx, dy in rng.normal(0, core / 2.5, (24, 2)):
        ((px, py),) = body.transform([dx], [dy])
        body.detail.draw_disc(px, py, body.size * 0.04, rng.uniform(0.3, 0.8))
    body.paint(water)


class _Body:
    """A random place, size and turn; an outline to fill, and details on it."""

    def __init__(
        self, rng: np.random.Generator, picture: Picture, sizes: tuple[float, float]
    ) -> None:
        self._rng, self._picture = rng, picture
        height, width = picture.shape[:2]
        self.size = min(height, width) * rng.uniform(*sizes)
        self._centre = np.array([width * rng.uniform(0.35, 0.65), height * rng.uniform(0.35, 0.65)])
        turn, squeeze = rng.uniform(0, 2 * np.pi), rng.uniform(0.75, 1.0)
        c, s = np.cos(turn), np.sin(turn)
        self._turn = np.array([[c, -s * squeeze], [s, c * squeeze]])
        self.fill, self.detail = Strokes(height, width), Strokes(height, width)

    def transform(self, x: object, y: object) -> Points:
        """Transform body coordinates, in units of its size, to pixels (n, 2)."""
        places = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
        return np.asarray((self._turn @ places).T * self.size + self._centre, dtype=np.float32)

    def paint(self, water: Water) -> None:
        """Cover the picture with the shaded outline and its details."""
        rng = self._rng
        colour = mix_colours(
            _COLOURS[rng.integers(len(_COLOURS))], water.haze, rng.uniform(0.05, 0.45)
        )
        mask = self.fill.mask()
        soft = self.fill.mask(blur=self.size * 0.15)
        grain = smooth_field(rng, mask.shape, cells=rng.uniform(15, 45))
        light = (0.45 + 0.5 * soft + 0.5 * (grain - 0.5))[..., None]
        cover(self._picture, mask * rng.uniform(0.8, 1.0), light * np.asarray(colour, np.float32))
        ink = mix_colours(
            colour, (1, 1, 1) if rng.random() < 0.5 else (0, 0, 0), rng.uniform(0.3, 0.7)
        )
        cover(self._picture, self.detail.mask() * mask * 0.8, ink)
