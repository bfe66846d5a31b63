"""Limit the memory that threads use together: large bodies and images wait for one another."""

import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's mallopt(3)
_LARGE = 1024 * 1024  # bytes
_SPARE = 4 * 1024 * 1024
_DECODING = 256 * 1024 * 1024


@functools.cache
def give_back_large_blocks() -> None:
    """Make the allocator return large blocks to the system when they are freed.

    By default glibc raises its idea of "large" to whatever was freed last, up to 32 MB, and keeps
    such blocks in the arena of each thread: sixteen threads that decode one after the other then
    hold as much as if they all did so at once. Where there is no glibc, nothing happens.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_MMAP_THRESHOLD, _LARGE)
        allocator.mallopt(_TRIM_THRESHOLD, _SPARE)


class SharedMemory:
    """Reserves bytes of a fixed total, in the order of the requests.

    Nothing is allocated here: a caller keeps to what it reserved. First come, first served, so
    that a large image among many small ones gets its turn.

    Args:
        total: bytes that are reserved at the same time. A larger request is served alone.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self.reset()

    def reset(self) -> None:
        """Drop all reservations, in a forked process, which lacks the threads that made them."""
        self._reserved = 0
        self._next_ticket = 0
        self._serving = 0
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait until so many bytes are free, and reserve them for the block."""
        with self._changed:
            ticket = self._next_ticket
            self._next_ticket += 1
            self._changed.wait_for(lambda: ticket == self._serving and self._has_room_for(size))
            self._reserved += size
            self._serving += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= size
                self._changed.notify_all()

    def _has_room_for(self, size: int) -> bool:
        return self._reserved == 0 or self._reserved + size <= self._total


# What decoding takes, in all threads of this process together. Large images wait for one another,
# so that as many threads as there are cores do not each hold one.
DECODING_MEMORY = SharedMemory(_DECODING)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODING_MEMORY.reset)
