"""From a folder of JPEGs to normalised batches: by us, and by ImageFolder's usual transforms."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import datasets, transforms

from data_registry.progress import SilentProgress
from train.data.dataset import Example
from train.data.pixel_cache import PixelCache
from train.data.preprocessing import Preprocessing
from train.fitting.batches import ArrayBatches

_SIZE = (1000, 750)
_SIDE, _RESIZED = 224, 256
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BATCH = 32
_PASSES = 4
_PICTURES = 20  # drawn; the others are copies under other names
_WORKERS = 2
_OWN = Preprocessing(
    height=_SIDE,
    width=_SIDE,
    resize_to=_RESIZED,
    crop_mode="center",
    interpolation="bilinear",
    mean=_MEAN,
    std=_STD,
)


def measure_loading(count: int, rounds: int) -> Mapping[str, float]:
    """Measure images per second of the first pass, and over four passes, as in training."""
    with tempfile.TemporaryDirectory(prefix="ephyra-loading-") as folder:
        files = _draw_files(Path(folder), count)
        arms: dict[str, Callable[[], float]] = {
            "ours, first pass": lambda: _measure_ephyra(files, 1),
            "ours, four passes": lambda: _measure_ephyra(files, _PASSES),
            "ImageFolder, 2 workers": lambda: _measure_image_folder(Path(folder), _WORKERS),
            "ImageFolder, in the same process": lambda: _measure_image_folder(Path(folder), 0),
        }
        found = [{name: arm() for name, arm in arms.items()} for _ in range(rounds)]
    return {name: round(max(rates[name] for rates in found), 1) for name in arms}


def _measure_ephyra(files: Sequence[Path], passes: int) -> float:
    by_name = {hashlib.sha256(file.name.encode()).hexdigest(): file for file in files}
    examples = [Example(name, 0, name) for name in by_name]
    started = time.perf_counter()
    with PixelCache(lambda name: by_name[name].read_bytes(), SilentProgress()) as cache:
        batches = ArrayBatches(
            cache.load_pixels(examples, _OWN), np.zeros(len(examples), dtype=np.int64)
        )
        for _ in range(passes):
            for start in range(0, len(batches), _BATCH):
                rows = range(start, min(start + _BATCH, len(batches)))
                images, _labels = batches.__getitems__(rows)
                _OWN.normalise(images)
    return passes * len(files) / (time.perf_counter() - started)


def _measure_image_folder(folder: Path, workers: int) -> float:
    """Measure one pass: all passes cost the same."""
    ways = transforms.Compose(
        [
            transforms.Resize(_RESIZED),
            transforms.CenterCrop(_SIDE),
            transforms.ToTensor(),
            transforms.Normalize(_MEAN, _STD),
        ]
    )
    started = time.perf_counter()
    loader = torch.utils.data.DataLoader(
        datasets.ImageFolder(str(folder), ways), batch_size=_BATCH, num_workers=workers
    )
    count = sum(len(images) for images, _ in loader)
    return count / (time.perf_counter() - started)


def _draw_files(folder: Path, count: int) -> list[Path]:
    (folder / "photographs").mkdir()
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (_PICTURES, 30, 40, 3), dtype=np.uint8)
    files: list[Path] = []
    for number in range(count):
        file = folder / "photographs" / f"{number}.jpg"
        if number < _PICTURES:
            smooth = Image.fromarray(coarse[number]).resize(_SIZE, Image.Resampling.BICUBIC)
            noise = random.normal(0, 5, (_SIZE[1], _SIZE[0], 3))
            pixels = np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(file, "JPEG", quality=85)
        else:
            file.write_bytes(files[number % _PICTURES].read_bytes())
        files.append(file)
    return files
