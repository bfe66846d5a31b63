"""Every image decoded once: uint8 pixels in memory-mapped files of a temporary folder."""

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from data_registry.errors import StorageError
from data_registry.progress import Progress
from train.data import Example
from train.decoding import ReadImage, prepared_batches
from train.preprocessing import PixelArray, Preprocessing

_CHUNK = 64
_ROOM = 1.15  # training images keep a margin that random crops can move in


class PixelCache:
    """A context manager; the folder is gone when it ends.

    Args:
        read: gives an image's encoded bytes.
        progress: advances by one a decoded image.
    """

    def __init__(self, read: ReadImage, progress: Progress) -> None:
        self._read = read
        self._progress = progress
        self._folder = tempfile.TemporaryDirectory(prefix="ephyra-pixels-")
        self._filled: list[tuple[Preprocessing, dict[str, int], PixelArray]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._filled.clear()
        self._folder.cleanup()

    def pixels(self, examples: Sequence[Example], preprocessing: Preprocessing) -> "CachedPixels":
        """uint8 pixels in the order of the examples; decoded where they were not decoded before.

        Raises:
            ImageError: an image cannot be decoded.
            StorageError: the disk has no room for the pixels.
        """
        names = [example.sha256 for example in examples]
        for known, places, array in self._filled:
            if known == preprocessing and places.keys() >= set(names):
                return CachedPixels(array, np.array([places[name] for name in names]))
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        array = self._fill(list(places), preprocessing)
        self._filled.append((preprocessing, places, array))
        return CachedPixels(array, np.array([places[name] for name in names]))

    def _fill(self, names: Sequence[str], preprocessing: Preprocessing) -> PixelArray:
        shape = (len(names), 3, preprocessing.height, preprocessing.width)
        path = Path(self._folder.name) / f"{len(self._filled)}.pixels"
        _reserve(path, math.prod(shape))
        mapped = np.memmap(path, dtype=np.uint8, mode="r+", shape=shape)
        self._progress.start("decoding", len(names))
        start = 0
        for batch in prepared_batches(names, self._read, preprocessing, _CHUNK):
            mapped[start : start + len(batch)] = batch
            start += len(batch)
            self._progress.advance(len(batch))
        self._progress.finish()
        return mapped


def _reserve(path: Path, size: int) -> None:
    """Take the disk's room beforehand: a disk that is full later would end the process.

    Raises:
        StorageError: there is not enough.
    """
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # macOS
                file.truncate(size)
    except OSError as error:
        raise StorageError(
            f"decoded images need {size / 1e6:,.0f} MB in {path.parent.parent}, and that cannot be "
            f"had ({error.strerror}): make room there, name another folder by TMPDIR, or lower "
            "input_size"
        ) from error


@dataclass(frozen=True)
class CachedPixels:
    """Some rows of a memory-mapped array; both arms of a comparison share one array.

    Attributes:
        array: uint8 (images, 3, height, width).
        places: (n,) row of each example.
    """

    array: PixelArray
    places: npt.NDArray[np.int64]

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> PixelArray:
        """A copy of these examples' pixels."""
        chosen: PixelArray = self.array[self.places[rows]]
        return chosen


def roomy(preprocessing: Preprocessing) -> Preprocessing:
    """The same, a little larger than the model's input and without cutting off the margin."""
    height, width = (round(side * _ROOM) for side in (preprocessing.height, preprocessing.width))
    return replace(preprocessing, height=height, width=width, resize_to=min(height, width))
