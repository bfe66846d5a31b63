"""Decoded pixels: what is written comes back, and a disk that fails them is told."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from small_photos import Photos, drawn_photo

from data_registry.errors import StorageError
from data_registry.progress import SilentProgress
from train.data.dataset import Example
from train.data.decoding import prepare_image
from train.data.pixel_cache import PixelCache
from train.models.models import build_model
from train.specs import ModelSpec


def test_a_disk_without_room_for_the_pixels_is_told_before_anything_is_decoded(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = Photos()
    images = _four(photos)
    own = build_model(ModelSpec("cnn", input_size=512), 3).backbone.preprocessing
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with (
        PixelCache(photos.read, SilentProgress()) as cache,
        pytest.raises(StorageError, match=r"need 3 MB in .*No space left.*TMPDIR"),
    ):
        cache.load_pixels(images, own)
    assert not photos.reads


def _four(photos: Photos) -> list[Example]:
    return [Example(photos.add(drawn_photo(0, seed)), 0, "g") for seed in range(4)]


def test_rows_come_back_in_any_order_and_are_decoded_once() -> None:
    photos = Photos()
    images = _four(photos)
    own = build_model(ModelSpec("cnn", input_size=32), 3).backbone.preprocessing
    expected = [prepare_image(photos.read(item.sha256), own) for item in images]
    photos.reads.clear()
    with PixelCache(photos.read, SilentProgress()) as cache:
        whole = cache.load_pixels(images, own)
        backwards = cache.load_pixels([images[3], images[1], images[3]], own)
        for row, place in enumerate((3, 1, 3)):
            assert (backwards[np.array([row])][0] == expected[place]).all()
        assert (whole[np.array([2, 0])] == np.stack([expected[2], expected[0]])).all()
    assert len(photos.reads) == 4


def test_pixels_that_are_gone_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = Photos()
    images = _four(photos)
    own = build_model(ModelSpec("cnn", input_size=32), 3).backbone.preprocessing
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with PixelCache(photos.read, SilentProgress()) as cache:
        pixels = cache.load_pixels(images, own)
        (file,) = tmp_path.rglob("*.pixels")
        file.write_bytes(b"")
        with pytest.raises(StorageError, match="has lost pixels"):
            pixels[np.array([1])]
