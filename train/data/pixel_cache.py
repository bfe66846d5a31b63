"""Every image decoded once: uint8 pixels in files of a temporary folder.

Rows are read when a batch asks for them. A memory map would count as memory of this process, and a
set of 70,000 images would fill it.
"""

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
from train.data.dataset import Example
from train.data.decoding import ReadImage, prepare_batches
from train.data.preprocessing import PixelArray, Preprocessing

_CHUNK = 64
_ROOM = 1.15  # training images keep a margin that random crops can move in


class PixelCache:
    """A context manager around decoded pixels; its folder is deleted when it ends.

    Args:
        read: gives an image's encoded bytes.
        progress: advances by one a decoded image.
    """

    def __init__(self, read: ReadImage, progress: Progress) -> None:
        self._read = read
        self._progress = progress
        self._folder = tempfile.TemporaryDirectory(prefix="ephyra-pixels-")
        self._filled: list[tuple[Preprocessing, dict[str, int], _PixelFile]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, _, file in self._filled:
            file.close()
        self._filled.clear()
        self._folder.cleanup()

    def load_pixels(
        self, examples: Sequence[Example], preprocessing: Preprocessing
    ) -> "CachedPixels":
        """Load uint8 pixels in the order of the examples; decode those not yet in the cache.

        Raises:
            ImageError: an image cannot be decoded.
            StorageError: the disk has no room for the pixels.
        """
        names = [example.sha256 for example in examples]
        for known, places, file in self._filled:
            if known == preprocessing and places.keys() >= set(names):
                return CachedPixels(file, np.array([places[name] for name in names]))
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        file = self._fill(places, preprocessing)
        return CachedPixels(file, np.array([places[name] for name in names]))

    def _fill(self, places: dict[str, int], preprocessing: Preprocessing) -> "_PixelFile":
        path = Path(self._folder.name) / f"{len(self._filled)}.pixels"
        shape = (3, preprocessing.height, preprocessing.width)
        _reserve_space(path, len(places) * math.prod(shape))
        file = _PixelFile(path, shape)
        try:
            self._decode(list(places), preprocessing, file)
        except BaseException:
            file.close()
            raise
        self._filled.append((preprocessing, places, file))
        return file

    def _decode(
        self, names: Sequence[str], preprocessing: Preprocessing, file: "_PixelFile"
    ) -> None:
        self._progress.start("decoding", len(names))
        for batch in prepare_batches(names, self._read, preprocessing, _CHUNK):
            file.append(batch)
            self._progress.advance(len(batch))
        self._progress.finish()


class _PixelFile:
    """uint8 images of one shape, one behind the other.

    Args:
        path: a file that is there already.
        shape: of an image.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self._path = path
        self._shape = shape
        self._file = path.open("r+b", buffering=0)

    def __reduce__(self) -> "tuple[type[_PixelFile], tuple[Path, tuple[int, int, int]]]":
        """Let another process open the file for itself."""
        return _PixelFile, (self._path, self._shape)

    def append(self, images: PixelArray) -> None:
        """Append images to the file."""
        self._file.write(np.ascontiguousarray(images).data)

    def read_rows(self, places: npt.NDArray[np.int64]) -> PixelArray:
        """Read the images at these indices.

        Raises:
            StorageError: the file has become shorter than it was.
        """
        images = np.empty((len(places), *self._shape), dtype=np.uint8)
        size, descriptor = math.prod(self._shape), self._file.fileno()
        for image, place in zip(images, places.tolist(), strict=True):
            if os.preadv(descriptor, [image.data], place * size) != size:
                raise StorageError(
                    f"{self._path} has lost pixels while they were needed: something else has "
                    "changed it. Run the same command again"
                )
        return images

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _reserve_space(path: Path, size: int) -> None:
    """Reserve disk space beforehand; a disk that fills up later would kill the process.

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
    """Some of the images of a file; both arms of a comparison share one file.

    Attributes:
        file: decoded images.
        places: (n,) each example's place in it.
    """

    file: _PixelFile
    places: npt.NDArray[np.int64]

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> PixelArray:
        """Read these examples' pixels: uint8 (rows, 3, height, width)."""
        return self.file.read_rows(self.places[rows])


def add_crop_margin(preprocessing: Preprocessing) -> Preprocessing:
    """Enlarge the input a little, so that random crops have a margin; crop nothing off."""
    height, width = (round(side * _ROOM) for side in (preprocessing.height, preprocessing.width))
    return replace(preprocessing, height=height, width=width, resize_to=min(height, width))
