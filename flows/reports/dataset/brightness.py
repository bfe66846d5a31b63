"""How bright the images of each split are: splits that differ in light differ in more than chance.

A sample is enough and is always the same one: images in the order of their SHA-256 are in random
order.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_registry.errors import ImageError, StorageError
from data_registry.images.pixels import decode_stored
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.versions.manifest import SPLITS

OF_EACH_SPLIT = 150
BINS = 10
_THREADS = 4
_BRIGHTEST = 255.0
_SIDE = 64  # pixels; a mean needs no more


@dataclass(frozen=True)
class Brightness:
    """Of one split.

    Attributes:
        images: how many were looked at.
        mean: of their mean luminances, 0 to 1.
        shares: of images by tenth of the scale, darkest first; they sum to 1.
    """

    images: int
    mean: float
    shares: tuple[float, ...]


def measure_brightness(
    registry: Registry, kept: pd.DataFrame, progress: Progress
) -> Mapping[str, Brightness]:
    """Measure a sample of each split that has images.

    Args:
        registry: where the bytes are.
        kept: rows of a manifest without the excluded.
        progress: told of every image.
    """
    samples = {
        split: sorted(kept["sha256"][kept["split"] == split])[:OF_EACH_SPLIT] for split in SPLITS
    }
    progress.start("brightness", sum(map(len, samples.values())))
    found = {split: _measure_split(registry, names, progress) for split, names in samples.items()}
    progress.finish()
    return {split: item for split, item in found.items() if item.images}


def _measure_split(registry: Registry, names: Sequence[str], progress: Progress) -> Brightness:
    def measure(sha256: str) -> float | None:
        value = _measure_luminance(registry, sha256)
        progress.advance()
        return value

    with ThreadPoolExecutor(_THREADS) as pool:
        values = [value for value in pool.map(measure, names) if value is not None]
    counts, _ = np.histogram(values, BINS, (0, 1))
    shares = counts / max(len(values), 1)
    return Brightness(len(values), float(np.mean(values)) if values else 0.0, tuple(shares))


def _measure_luminance(registry: Registry, sha256: str) -> float | None:
    """Mean of an image's luminance (ITU-R 601), 0 to 1; None where its bytes are gone."""
    try:
        image = decode_stored(registry.read_image(sha256), least_side=_SIDE).image
    except (ImageError, StorageError):
        return None
    return float(np.asarray(image.convert("L")).mean()) / _BRIGHTEST
