"""Photographs of the made-up bay: four known kinds of jellyfish and six strangers.

Every photograph is a pure function of its kind and seed.
"""

import io
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageFilter

from flows.demo.drawing import jellies, strangers
from flows.demo.drawing.canvas import Picture
from flows.demo.drawing.jellies import Species, paint_jelly
from flows.demo.drawing.water import Water, choose_water, paint_drift, paint_water

Seed = tuple[int, ...]
Painter = Callable[[np.random.Generator, Picture, Water], None]


def _create_painter(species: Species) -> Painter:
    return partial(paint_jelly, species=species)


KNOWN: Mapping[str, Painter] = MappingProxyType(
    {
        "barrel": _create_painter(jellies.BARREL),
        "compass": _create_painter(jellies.COMPASS),
        "lions_mane": _create_painter(jellies.LIONS_MANE),
        "moon": _create_painter(jellies.MOON),
    }
)
UNKNOWN: Mapping[str, Painter] = MappingProxyType(
    {
        "comb_jelly": _create_painter(jellies.COMB),
        "crab": strangers.paint_crab,
        "fish": strangers.paint_fish,
        "fried_egg": _create_painter(jellies.FRIED_EGG),
        "starfish": strangers.paint_starfish,
        "urchin": strangers.paint_urchin,
    }
)
CLASSES: tuple[str, ...] = tuple(KNOWN)

_SHORTEST, _LONGEST = 128, 320
_VISIBLE_BLUR = 0.35  # pixels; less than this changes nothing


def draw_photograph(kind: str, seed: Seed) -> Image.Image:
    """Draw one photograph.

    Args:
        kind: a key of `KNOWN` or `UNKNOWN`.
        seed: any tuple of whole numbers; the same one gives the same pixels.

    Returns:
        An RGB image with sides of 128 to 320 pixels.
    """
    rng = np.random.default_rng(seed)
    height, width = _choose_size(rng)
    water = choose_water(rng)
    picture = paint_water(rng, height, width, water)
    (KNOWN.get(kind) or UNKNOWN[kind])(rng, picture, water)
    paint_drift(rng, picture, specks=rng.uniform(0, 1.3))
    return _expose(rng, picture)


def draw_jpeg(kind: str, seed: Seed) -> bytes:
    """Draw a photograph as a JPEG file of random quality between 60 and 95."""
    quality = int(np.random.default_rng((*seed, 1)).integers(60, 96))
    return encode_jpeg(draw_photograph(kind, seed), quality)


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """Encode an image as a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _choose_size(rng: np.random.Generator) -> tuple[int, int]:
    longer = int(rng.triangular(176, 200, _LONGEST + 1))
    shorter = max(_SHORTEST, int(longer * rng.choice([1.0, 0.8, 0.75, 0.667])))
    return (shorter, longer) if rng.random() < 0.6 else (longer, shorter)


def _expose(rng: np.random.Generator, picture: Picture) -> Image.Image:
    """Simulate the camera: exposure, white balance, contrast, blur, grain."""
    lit = np.clip(picture * (255 * _draw_vignette(rng, picture)), 0, 255)
    image = Image.fromarray(lit.astype(np.uint8)).point(_choose_tone_curves(rng))
    blur = rng.gamma(1.2, 0.35)
    if blur > _VISIBLE_BLUR:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    grain = rng.standard_normal((*lit.shape[:2], 1), dtype=np.float32)
    grain *= np.float32(rng.uniform(1, 6))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def _choose_tone_curves(rng: np.random.Generator) -> list[int]:
    """Choose a table of 256 values for each of red, green and blue."""
    gain = rng.normal(1, 0.06, 3) * rng.uniform(0.8, 1.25)
    level = np.clip(gain[:, None] * np.linspace(0, 1, 256), 0, 1) ** rng.uniform(0.8, 1.15)
    table: list[int] = (level * 255).astype(int).ravel().tolist()
    return table


def _draw_vignette(rng: np.random.Generator, picture: Picture) -> Picture:
    rows = np.linspace(-1, 1, picture.shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, picture.shape[1], dtype=np.float32)[None, :]
    fall = 1 - np.float32(rng.uniform(0, 0.35) / 2) * (rows * rows + columns * columns)
    return np.asarray(fall[..., None], dtype=np.float32)
