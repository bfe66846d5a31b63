"""A registry with drawn pictures and a tiny teacher."""

from collections.abc import Iterator

import pytest
import torch
from labelled_pictures import Bay

from data_registry.registry import Registry


@pytest.fixture
def bay(registry: Registry) -> Bay:
    return Bay(registry)


@pytest.fixture(autouse=True, scope="session")
def one_thread_for_tiny_models() -> Iterator[None]:
    """Tiny models gain nothing from two threads, and lose tenfold beside other busy processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
