"""Photo-like pictures drawn by the tests: each seed gives another one."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from data_registry.images.image_record import build_image_record
from data_registry.images.pixels import decode
from data_registry.images.records import CollectedImage, FetchAttempt, Source
from data_registry.registry import Registry


def picture(seed: int, width: int = 120, height: int = 96) -> Image.Image:
    """Soft coloured blobs, different for every seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    soft = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    return soft.filter(ImageFilter.GaussianBlur(1))


def encoded(image: Image.Image, image_format: str = "JPEG", **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def jpeg(seed: int, quality: int = 92) -> bytes:
    return encoded(picture(seed), quality=quality)


def write_set(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files, given by their path below the folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def labelled_set(folder: Path, per_class: int = 8, classes: tuple[str, ...] = ("a", "b")) -> Path:
    """Write an ImageFolder without splits, every picture different."""
    files = {
        f"{name}/{number}.jpg": jpeg(1000 * index + number)
        for index, name in enumerate(classes)
        for number in range(per_class)
    }
    return write_set(folder, files)


def collect_bytes(registry: Registry, images: list[bytes], query: str = "") -> list[str]:
    """Store images as a collection would; returns their names."""
    batch = []
    for number, data in enumerate(images):
        record = build_image_record(data, decode(data))
        registry.store_bytes(data)
        source = Source(
            provider="web", url=f"http://127.0.0.1/{query}{number}-{record.sha256[:8]}", query=query
        )
        attempt = FetchAttempt(
            source=source, outcome="stored", sha256=record.sha256, byte_count=len(data)
        )
        batch.append(CollectedImage(attempt, record))
    registry.record_collected(batch)
    return [item.attempt.sha256 for item in batch]
