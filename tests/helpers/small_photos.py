"""Small drawn photos and the arguments of a tiny model."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

TINY = {"channel_multiplier": 0.25, "depth_multiplier": 0.25}
COLOURS = ("#d04030", "#3060c0", "#30a050")
PROJECT = Path(__file__).parents[2]


def drawn_photo(kind: int, seed: int, side: int = 72) -> bytes:
    """Draw a JPEG of a circle, a square or a cross on a noisy ground; its colour tells little."""
    random = np.random.default_rng(1000 * kind + seed)
    ground = random.integers(60, 120, (side, side, 3), dtype=np.uint8)
    image = Image.fromarray(ground)
    draw = ImageDraw.Draw(image)
    x, y, radius = (int(value) for value in random.integers((24, 24, 12), (48, 48, 22)))
    box = (x - radius, y - radius, x + radius, y + radius)
    colour = COLOURS[kind]
    if kind == 0:
        draw.ellipse(box, fill=colour)
    elif kind == 1:
        draw.rectangle(box, fill=colour)
    else:
        draw.line(box, fill=colour, width=8)
        draw.line((box[0], box[3], box[2], box[1]), fill=colour, width=8)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Photos:
    """Encoded photos by SHA-256, counting how often each is read."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.reads: list[str] = []

    def add(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self.data[name] = data
        return name

    def read(self, sha256: str) -> bytes:
        self.reads.append(sha256)
        return self.data[sha256]
