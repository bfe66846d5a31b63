"""The labelled set as files, with its planted flaws."""

import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_registry.images.hashing import compute_perceptual_hashes
from data_registry.progress import SilentProgress
from flows.demo.bay import (
    AUGMENTATION_PATTERN,
    AUGMENTED_PER_CLASS,
    PLANTED_COPIES,
    SPLIT_SIZES,
    TRAIN,
    Bay,
    count_labelled,
    name_photo,
    write_labelled_set,
)
from flows.demo.drawing.animals import CLASSES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written: Path = tmp_path_factory.mktemp("bay")
    write_labelled_set(Bay(0), written, SilentProgress())
    return written


def test_it_is_an_image_folder_of_the_promised_size(folder: Path) -> None:
    files = [file.relative_to(folder).parts for file in folder.rglob("*.jpg")]
    assert len(files) == count_labelled()
    sizes = Counter((split, kind) for split, kind, name in files if "aug-" not in name)
    planted = Counter((TRAIN, copy.original.kind) for copy in PLANTED_COPIES)
    assert sizes - planted == {
        (split, kind): size for split, size in SPLIT_SIZES.items() for kind in CLASSES
    }


def test_augmentations_name_a_source_that_lies_beside_them(folder: Path) -> None:
    augmented = sorted(folder.rglob("aug-*.jpg"))
    assert len(augmented) == AUGMENTED_PER_CLASS * len(CLASSES)
    for file in augmented:
        match = re.fullmatch(AUGMENTATION_PATTERN, file.name)
        assert match is not None
        source = file.with_name(match["source"])
        assert source.is_file()
        assert source.read_bytes() != file.read_bytes()


@pytest.mark.parametrize("number", range(len(PLANTED_COPIES)))
def test_planted_copies_are_near_their_original_in_another_split(folder: Path, number: int) -> None:
    original = PLANTED_COPIES[number].original
    kind = original.kind
    copy = folder / TRAIN / kind / f"{kind}_{900 + number}.jpg"
    first = (folder / original.place / kind / name_photo(original)).read_bytes()
    upright, _ = compute_perceptual_hashes(Image.open(io.BytesIO(first)))
    turned, _ = compute_perceptual_hashes(Image.open(copy))
    assert copy.read_bytes() != first
    assert np.bitwise_count(upright[0] ^ turned).min() <= 8


def test_the_same_seed_gives_the_same_files_and_another_seed_others(folder: Path) -> None:
    again = dict(zip(range(12), Bay(0).draw_labelled(), strict=False))
    other = dict(zip(range(12), Bay(1).draw_labelled(), strict=False))
    for number, (path, data) in again.items():
        assert (folder / path).read_bytes() == data
        assert other[number] != (path, data)
