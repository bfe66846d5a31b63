"""pHash and dHash in eight orientations: ours beside imagehash on eight turned images."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import imagehash
import numpy as np
from PIL import Image

from benchmarks._common import run_benchmark
from data_registry.images.hashing import ORIENTATIONS, compute_perceptual_hashes

_TURNS = (
    None,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)


def _hash_by_imagehash(image: Image.Image) -> None:
    for mirrored in (image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
        for turn in _TURNS:
            turned = mirrored if turn is None else mirrored.transpose(turn)
            imagehash.phash(turned)
            imagehash.dhash(turned)


def _measure_speed(work: Callable[[Image.Image], object], images: list[Image.Image]) -> float:
    started = time.process_time()
    for image in images:
        work(image)
    return len(images) / (time.process_time() - started)


def measure(quick: bool) -> Mapping[str, Any]:
    """Images per CPU-second from decoded 640 x 480 pixels to 16 hashes of 64 bits."""
    rng = np.random.default_rng(0)
    count = 30 if quick else 200
    images = [
        Image.fromarray(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)) for _ in range(count)
    ]
    ours = _measure_speed(compute_perceptual_hashes, images)
    theirs = _measure_speed(_hash_by_imagehash, images)
    return {
        "images": count,
        "orientations": ORIENTATIONS,
        "ours": {"images_per_cpu_second": round(ours, 1)},
        "peers": {"imagehash": {"images_per_cpu_second": round(theirs, 1)}},
        "ratios": {"imagehash": round(ours / theirs, 2)},
        "goals": {"faster_than_imagehash": ours > theirs},
    }


if __name__ == "__main__":
    run_benchmark("hashing", measure)
