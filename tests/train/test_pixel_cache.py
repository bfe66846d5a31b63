"""Decoded pixels on a disk that is too small for them."""

import tempfile
from pathlib import Path

import pytest
from small_photos import Photos, drawn_photo

from data_registry.errors import StorageError
from data_registry.progress import Silent
from train.data import Example
from train.models import ModelSpec, build_model
from train.pixel_cache import PixelCache


def test_a_disk_without_room_for_the_pixels_is_told_before_anything_is_decoded(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = Photos()
    images = [Example(photos.add(drawn_photo(0, seed)), 0, "g") for seed in range(4)]
    own = build_model(ModelSpec("cnn", input_size=512), 3).backbone.preprocessing
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with (
        PixelCache(photos.read, Silent()) as cache,
        pytest.raises(StorageError, match=r"need 3 MB in .*No space left.*TMPDIR"),
    ):
        cache.pixels(images, own)
    assert not photos.reads
