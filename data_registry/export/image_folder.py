"""Write a version as folders: ``train/CLASS/SHA256.jpg``, which most tools read."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from data_registry.export.contents import Contents, read_original_bytes
from data_registry.export.safe_names import build_folder_names
from data_registry.progress import Progress
from data_registry.registry import Registry

NAME = "imagefolder"
_THREADS = 4
_SHARD = 256


def write_image_folder(
    registry: Registry, contents: Contents, folder: Path, progress: Progress
) -> pd.Series:
    """Write every image below its split and class.

    Files are named by their SHA-256, so names are unique and `ephyra why` finds each.

    Args:
        registry: holds the bytes.
        contents: what to write.
        folder: an empty folder.
        progress: told of every image.

    Returns:
        The path of each image below the folder, in the order of `contents.images`.

    Raises:
        StorageError: an image's bytes are missing or have changed.
        OSError: the folder cannot be written.
    """
    images = contents.images
    folders = build_folder_names(images["class_name"])
    below = images["split"] + "/" + images["class_name"].map(folders)
    files = below + "/" + images["sha256"] + "." + images["extension"]
    for name in sorted(set(below)):
        (folder / name).mkdir(parents=True)

    def write(job: tuple[str, str]) -> None:
        sha256, file = job
        (folder / file).write_bytes(read_original_bytes(registry, sha256))

    jobs = list(zip(images["sha256"], files, strict=True))
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(jobs), _SHARD):
            shard: Iterable[tuple[str, str]] = jobs[start : start + _SHARD]
            for _ in pool.map(write, shard):
                progress.advance()
    return files
