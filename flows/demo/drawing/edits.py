"""What the web does to a photograph: the edits that make a duplicate."""

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageOps

from flows.demo.drawing.animals import encode_jpeg

Edit = Callable[[Image.Image, np.random.Generator], bytes]


def edit_image(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """Edit the image in these bytes; `kind` is a key of `EDITS`."""
    return EDITS[kind](Image.open(io.BytesIO(data)), rng)


def augment_image(data: bytes, rng: np.random.Generator) -> bytes:
    """Augment an image as offline tools do: a slight turn, a flip, other light."""
    image = Image.open(io.BytesIO(data))
    turned = image.rotate(float(rng.uniform(-12, 12)), Image.Resampling.BICUBIC)
    if rng.random() < 0.5:
        turned = ImageOps.mirror(turned)
    gain = rng.uniform(0.8, 1.2)
    return encode_jpeg(turned.point(lambda level: level * gain), 88)


def _resize(image: Image.Image, rng: np.random.Generator) -> bytes:
    scale = rng.uniform(0.6, 1.5)
    size = (round(image.width * scale), round(image.height * scale))
    return encode_jpeg(image.resize(size, Image.Resampling.BICUBIC), 88)


def _compress_again(image: Image.Image, rng: np.random.Generator) -> bytes:
    return encode_jpeg(image, int(rng.integers(35, 60)))


def _crop(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Crop five per cent of each side, from a random corner."""
    width, height = round(image.width * 0.95), round(image.height * 0.95)
    left = int(rng.integers(0, image.width - width + 1))
    top = int(rng.integers(0, image.height - height + 1))
    return encode_jpeg(image.crop((left, top, left + width, top + height)), 88)


def _mirror(image: Image.Image, _: np.random.Generator) -> bytes:
    return encode_jpeg(ImageOps.mirror(image), 88)


EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        "resized": _resize,
        "recompressed": _compress_again,
        "cropped": _crop,
        "mirrored": _mirror,
    }
)
