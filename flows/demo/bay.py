"""The bay's labelled set: an ImageFolder of train, valid and test, with the usual flaws.

Train holds a few offline augmentations, named ``aug-N-SOURCE``, and copies of one validation and
two test photographs under other names, as labelled sets in the wild do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from data_registry.progress import Progress
from flows.demo.drawing.animals import CLASSES, draw_jpeg
from flows.demo.drawing.edits import augment_image, edit_image

TRAIN, VALID, TEST = "train", "valid", "test"
SPLIT_SIZES: Mapping[str, int] = MappingProxyType({TRAIN: 30, VALID: 10, TEST: 40})
AUGMENTED_PER_CLASS = 3
AUGMENTATION_PATTERN = r"aug-\d+-(?P<source>.+)"

_BAY, _GALLERY, _EDIT = 1, 2, 3  # first number of a seed: no two photographs share one
_SPLITS = (TRAIN, VALID, TEST)


@dataclass(frozen=True)
class Photo:
    """One original photograph: `place` is a split or ``"gallery"``, `kind` what it shows."""

    place: str
    kind: str
    number: int


@dataclass(frozen=True)
class PlantedCopy:
    """A photograph of valid or test that train holds too, edited and under another name."""

    original: Photo
    edit: str


PLANTED_COPIES = (
    PlantedCopy(Photo(TEST, "moon", 3), "recompressed"),
    PlantedCopy(Photo(TEST, "compass", 8), "mirrored"),
    PlantedCopy(Photo(VALID, "barrel", 2), "resized"),
)


class Bay:
    """The made-up bay: every photograph is drawn from the seed when it is asked for."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._drawn = lru_cache(maxsize=4096)(self._draw)

    def draw_photo(self, photo: Photo) -> bytes:
        """Draw an original photograph as a JPEG file."""
        return self._drawn(photo)

    def create_rng(self, purpose: int) -> np.random.Generator:
        """Create a random generator for one purpose, independent of all photographs."""
        return np.random.default_rng((self.seed, _EDIT, purpose))

    def draw_labelled(self) -> Iterator[tuple[str, bytes]]:
        """Draw every file of the labelled set: path relative to its folder, and bytes."""
        for split in _SPLITS:
            for kind in CLASSES:
                for number in range(SPLIT_SIZES[split]):
                    photo = Photo(split, kind, number)
                    yield f"{split}/{kind}/{name_photo(photo)}", self.draw_photo(photo)
        yield from self._draw_augmentations()
        yield from self._draw_planted()

    def _draw_augmentations(self) -> Iterator[tuple[str, bytes]]:
        for index, kind in enumerate(CLASSES):
            for number in range(AUGMENTED_PER_CLASS):
                source = Photo(TRAIN, kind, 5 * number)
                rng = self.create_rng(1000 + 10 * index + number)
                name = f"aug-{number}-{name_photo(source)}"
                yield f"{TRAIN}/{kind}/{name}", augment_image(self.draw_photo(source), rng)

    def _draw_planted(self) -> Iterator[tuple[str, bytes]]:
        for number, copy in enumerate(PLANTED_COPIES):
            kind = copy.original.kind
            data = edit_image(
                self.draw_photo(copy.original), copy.edit, self.create_rng(2000 + number)
            )
            yield f"{TRAIN}/{kind}/{kind}_{900 + number}.jpg", data

    def _draw(self, photo: Photo) -> bytes:
        place = _GALLERY if photo.place not in _SPLITS else _BAY
        split = _SPLITS.index(photo.place) if place == _BAY else 0
        kind = int.from_bytes(photo.kind.encode()[:6], "big")
        return draw_jpeg(photo.kind, (self.seed, place, split, kind, photo.number))


def name_photo(photo: Photo) -> str:
    """Name a photograph's file in the labelled set, unique over its splits."""
    first = 100 * (1 + _SPLITS.index(photo.place))
    return f"{photo.kind}_{first + photo.number}.jpg"


def count_labelled() -> int:
    """Count the files of the labelled set."""
    originals = len(CLASSES) * (sum(SPLIT_SIZES.values()) + AUGMENTED_PER_CLASS)
    return originals + len(PLANTED_COPIES)


def write_labelled_set(bay: Bay, folder: Path, progress: Progress) -> None:
    """Write the labelled set as ``SPLIT/CLASS/NAME.jpg`` under the folder."""
    progress.start("drawing the labelled photos", count_labelled())
    for path, data in bay.draw_labelled():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        progress.advance()
    progress.finish()
