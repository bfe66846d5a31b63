"""The loader's memory, in a process of its own: `python -m benchmarks._loading_memory IMAGES`."""

import io
import json
import sys

import numpy as np
from PIL import Image

from benchmarks._memory import measure_peak_memory
from data_registry.progress import SilentProgress
from train.data.dataset import Example
from train.data.pixel_cache import PixelCache
from train.data.preprocessing import Preprocessing
from train.fitting.batches import ArrayBatches

_SIDE, _BATCH = 64, 64
_OWN = Preprocessing(
    height=_SIDE,
    width=_SIDE,
    resize_to=_SIDE,
    crop_mode="center",
    interpolation="bilinear",
    mean=(0.5,) * 3,
    std=(0.5,) * 3,
)


def _run_passes(count: int) -> None:
    """Run two passes in random order over this many images of the same bytes."""
    random = np.random.default_rng(0)
    stream = io.BytesIO()
    noise = random.integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "JPEG")
    examples = [Example(f"{number:064x}", 0, "") for number in range(count)]
    with PixelCache(lambda _: stream.getvalue(), SilentProgress()) as cache:
        batches = ArrayBatches(cache.load_pixels(examples, _OWN), np.zeros(count, dtype=np.int64))
        for _ in range(2):
            order = random.permutation(count)
            for start in range(0, count, _BATCH):
                batches.__getitems__(order[start : start + _BATCH].tolist())
    print(json.dumps({"images": count, **measure_peak_memory()}))


if __name__ == "__main__":
    _run_passes(int(sys.argv[1]))
