"""Tiny models and a workspace in a temporary folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_photos import TINY, Photos

from data_registry.storage.files import FileStore
from train.choices import RANDOM
from train.specs import BackboneSpec


@pytest.fixture
def photos() -> Photos:
    return Photos()


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path / "workspace"))


@pytest.fixture
def tiny() -> BackboneSpec:
    return BackboneSpec("tf_efficientnetv2_b0", weights=RANDOM, model_args=TINY, input_size=32)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny models gain nothing from two threads, and lose tenfold beside other busy processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def untouched_random_state() -> Iterator[None]:
    """Nothing in train may move the caller's random numbers."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())
