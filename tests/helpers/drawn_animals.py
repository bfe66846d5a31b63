"""Drawn jellyfish: all of one kind in the same water, each with spots and tentacles of its own."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WATER, BELL = (20, 60, 120), (200, 170, 210)


def animal(seed: int, side: int = 240) -> Image.Image:
    """Draw the same bell for every seed, with other markings."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), WATER)
    pen = ImageDraw.Draw(image)
    pen.ellipse((50, 30, 190, 120), fill=BELL)
    for _ in range(40):
        x, y = rng.uniform(60, 180), rng.uniform(40, 110)
        size = rng.uniform(2, 7)
        shade = int(rng.integers(110, 160))
        pen.ellipse((x - size, y - size, x + size, y + size), fill=(shade, 110, shade))
    for start in np.linspace(65, 175, 9):
        bends = start + np.cumsum(rng.normal(0, 7, 12))
        path = [(float(x), 110.0 + 10 * step) for step, x in enumerate(bends)]
        pen.line(path, fill=(60, 100, 160), width=int(rng.integers(2, 5)))
    return image.filter(ImageFilter.GaussianBlur(0.7))
