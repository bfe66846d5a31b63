"""Drawn shapes that are no animals: what the demo's backbone learns to see from.

Nothing here knows of the bay. A batch of shapes is computed at once from a few formulas: an
outline in polar coordinates, a texture made of two waves, strokes around or below the outline,
any colours, any background. What a shape was made of is what the backbone must tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import torch
import torch.nn.functional as F

# Weights of (x, angle, radius) in the first and in the second wave of each texture.
_TEXTURES = torch.tensor(
    [
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],  # plain
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],  # stripes
        [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]],  # wedges
        [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]],  # rings
        [[0.0, 1.0, 0.7], [0.0, 0.0, 0.0]],  # spiral
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],  # dots on rings
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],  # broken stripes
    ]
)
_LOBES = torch.tensor([0.0, 2.0, 3.0, 4.0, 5.0, 8.0, 16.0])
_WAVES = torch.tensor([2.0, 4.0, 8.0, 16.0])
_TINTS = torch.tensor(
    [
        [0.9, 0.9, 0.9],
        [0.9, 0.4, 0.3],
        [0.9, 0.7, 0.4],
        [0.9, 0.9, 0.6],
        [0.7, 0.6, 0.9],
        [0.5, 0.9, 0.7],
    ]
)
_TINY = 1e-4

# What there is to choose from for every trait of a kind.
TRAITS: Mapping[str, int] = MappingProxyType(
    {
        "texture": len(_TEXTURES),
        "lobes": len(_LOBES),
        "waves": len(_WAVES),
        "tint": len(_TINTS),
        "dark_ink": 2,
        "ball": 2,  # or a plate
        "cut": 2,
        "hole": 2,
        "strokes": 3,  # none, all around, to one side
        "stroke_count": 3,
        "stroke_length": 2,
    }
)
KINDS = 64


@dataclass(frozen=True)
class ShapeBatch:
    """Pictures (n, 3, side, side) in 0..1 and the kind of each, (n,) in 0..KINDS-1."""

    pictures: torch.Tensor
    kinds: torch.Tensor


def draw_shapes(generator: torch.Generator, count: int, side: int) -> ShapeBatch:
    """Draw a batch of random shapes."""
    kinds = torch.randint(0, KINDS, (count,), generator=generator)
    traits = {name: table[kinds] for name, table in _draw_trait_tables().items()}
    return ShapeBatch(_Drawing(generator, traits, count, side).draw(), kinds)


@cache
def _draw_trait_tables() -> Mapping[str, torch.Tensor]:
    """Draw the traits of every kind, (KINDS,) each: any mixture, the same in every run."""
    dice = torch.Generator().manual_seed(KINDS)
    return {
        name: torch.arange(KINDS)[torch.randperm(KINDS, generator=dice)] % choices
        for name, choices in TRAITS.items()
    }


class _Drawing:
    """One batch in the making; every random number is a column (n, 1, 1)."""

    def __init__(
        self,
        generator: torch.Generator,
        traits: Mapping[str, torch.Tensor],
        count: int,
        side: int,
    ) -> None:
        self._generator, self._traits = generator, traits
        self._count, self._side = count, side
        self._x, self._y = self._build_grid()
        self._radius = torch.sqrt(self._x**2 + self._y**2 + _TINY)
        self._angle = torch.atan2(self._y, self._x)
        self._across, self._around, self._pole = self._build_surface()
        self._soft = 10.0 + 20.0 * self._draw_random()  # sharpness of every edge

    def draw(self) -> torch.Tensor:
        """Draw background, strokes, filled outline, texture, grain."""
        outline = self._draw_outline()
        body = torch.sigmoid(self._soft * (outline - self._radius)) * self._draw_cuts()
        ground = self._draw_sea()
        pictures = ground + self._draw_between(0.0, 0.4)[:, None] * (self._draw_clouds(4) - 0.5)
        tint = _TINTS[self._traits["tint"]][:, :, None, None]
        colour = tint * self._draw_between(0.5, 1.0)[:, None] + self._draw_shift(0.12)
        colour = colour + self._draw_between(0.0, 0.4)[:, None] * (ground - colour)
        pictures = self._lay_over(pictures, self._draw_strokes(outline), colour)
        pictures = self._lay_over(pictures, body * self._draw_between(0.25, 0.9), colour)
        dark = self._get_trait("dark_ink")[:, None] == 1
        ink = torch.where(dark, colour * 0.3, 0.4 * colour + 0.6) + self._draw_shift(0.1)
        pictures = self._lay_over(
            pictures, self._draw_texture() * body * self._draw_between(0.6, 1.0), ink
        )
        noise = torch.randn((self._count, 1, self._side, self._side), generator=self._generator)
        return (pictures + self._draw_between(0.0, 0.04)[:, None] * noise).clamp(0, 1)

    def _draw_random(self) -> torch.Tensor:
        return torch.rand((self._count, 1, 1), generator=self._generator)

    def _draw_between(self, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * self._draw_random()

    def _draw_shift(self, reach: float) -> torch.Tensor:
        """Draw a small change of colour, (n, 3, 1, 1)."""
        return reach * (2 * torch.rand((self._count, 3, 1, 1), generator=self._generator) - 1)

    def _draw_sea(self) -> torch.Tensor:
        """Draw a ground between blue and green, lighter to one side."""
        level, slope = self._draw_between(0.2, 0.7), self._draw_between(-0.3, 0.3)
        line = torch.linspace(-1, 1, self._side)[:, None]
        green = self._draw_between(0.4, 1.0)
        colour = torch.cat([0.3 * self._draw_random(), green, self._draw_between(0.6, 1.0)], dim=1)
        return colour[..., None] * (level + slope * line).clamp(0.02, 1)[:, None]

    def _get_trait(self, task: str) -> torch.Tensor:
        return self._traits[task][:, None, None]

    @staticmethod
    def _lay_over(under: torch.Tensor, mask: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
        return under + mask[:, None] * (colour - under)

    def _build_grid(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Build every pixel's place in the shape's own, turned and foreshortened, coordinates."""
        line = torch.linspace(-1, 1, self._side)
        down, right = torch.meshgrid(line, line, indexing="ij")
        down, right = down - self._draw_between(-0.2, 0.2), right - self._draw_between(-0.2, 0.2)
        size, turn = self._draw_between(0.5, 0.8), self._draw_between(-0.7, 0.7)
        flat = self._draw_between(0.5, 1.0)
        x = (torch.cos(turn) * right + torch.sin(turn) * down) / size
        y = (torch.cos(turn) * down - torch.sin(turn) * right) / (size * flat)
        return x, y

    def _build_surface(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Build a texture's place: distance from the middle, angle about it, and the pole's height.

        A plate shows its own plane; a ball is seen with its pole tilted upwards, so that the
        texture bends away. The pole's height is 1 there, 0 on the equator, and falls below.
        """
        height = torch.sqrt((1 - self._radius**2).clamp(min=0))
        tilt = self._draw_between(0.3, 1.6)
        pole = height * torch.cos(tilt) - self._y * torch.sin(tilt)
        front = height * torch.sin(tilt) + self._y * torch.cos(tilt)
        ball = self._get_trait("ball") == 1
        across = torch.where(ball, torch.sqrt((1 - pole).clamp(min=_TINY)), self._radius)
        around = torch.where(ball, torch.atan2(front, self._x), self._angle)
        return across, around, torch.where(ball, pole, -self._y)

    def _draw_outline(self) -> torch.Tensor:
        """Draw the outline's radius at every pixel's angle."""
        lobes = _LOBES[self._get_trait("lobes")]
        wave = torch.cos(lobes * self._angle)
        pointed = 1 - 2 * torch.abs(torch.sin(lobes / 2 * self._angle))
        blend = (self._draw_random() > 0.5).float()
        depth = self._draw_between(0.06, 0.3) * (1 - 0.6 * self._get_trait("ball")) * (lobes > 0)
        return 1 - depth + depth * (blend * wave + (1 - blend) * pointed)

    def _draw_cuts(self) -> torch.Tensor:
        """Cut half of the shape away, and a hole in the middle."""
        half = torch.sigmoid(self._soft * (self._pole + self._draw_between(-0.1, 0.4)))
        hole = torch.sigmoid(self._soft * (self._across - self._draw_between(0.25, 0.5)))
        cut, holed = self._get_trait("cut").float(), self._get_trait("hole").float()
        return (1 - cut * (1 - half)) * (1 - holed * (1 - hole))

    def _draw_texture(self) -> torch.Tensor:
        weights = _TEXTURES[self._traits["texture"]][..., None, None]
        waves = _WAVES[self._get_trait("waves")]
        first = self._compute_wave(weights[:, 0], waves)
        second = self._compute_wave(weights[:, 1], waves)
        patterned = (weights[:, 0].sum(1) > 0).float()
        sharp = self._draw_between(4, 10)
        return torch.sigmoid(sharp * (first * second - self._draw_between(0.0, 0.5))) * patterned

    def _compute_wave(self, weights: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:
        """Compute a wave; cos(0) = 1 where a texture has no second one."""
        along = weights[:, 0] * self._x * 3 + weights[:, 1] * self._around
        return torch.cos(waves * (along + weights[:, 2] * self._across * 3))

    def _draw_strokes(self, outline: torch.Tensor) -> torch.Tensor:
        """Draw wavy lines that leave the outline all around, or hang from it to one side."""
        kind = self._get_trait("strokes")
        count = 4.0 * 2.0 ** self._get_trait("stroke_count") * self._draw_between(0.8, 1.3)
        length = self._draw_between(0.25, 0.5) + 1.0 * self._get_trait("stroke_length")
        bend = self._draw_between(0.0, 0.35) * torch.sin(self._draw_between(1, 5) * self._radius)
        around = torch.cos(count.round() * (self._angle + bend))
        hanging = torch.cos(count * 1.5 * (self._x + bend))
        thin = self._draw_between(0.3, 0.9)
        line = torch.where(kind == 1, around, hanging)
        lines = torch.sigmoid(8 * (line - thin))
        ring = (self._radius > outline * 0.9) & (self._radius < outline + length)
        below = (self._x.abs() < 0.9) & (self._y > 0.0) & (self._y < 0.6 + length)
        where = torch.where(kind == 1, ring, below & (kind == 2))
        return lines * where * self._draw_between(0.3, 1.0)

    def _draw_clouds(self, cells: int) -> torch.Tensor:
        coarse = torch.rand((self._count, 3, cells, cells), generator=self._generator)
        size = (self._side, self._side)
        return F.interpolate(coarse, size, mode="bilinear", align_corners=True)
