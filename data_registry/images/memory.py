"""Memory that many threads share: large bodies and large images wait for one another."""

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
    """Let the allocator return large blocks to the system as soon as they are freed.

    By default glibc raises its idea of "large" to whatever was freed last, up to 32 MB, and keeps
    such blocks in the arena of each thread: sixteen threads that decode one after the other then
    hold as much as if they all did so at once. Where there is no glibc, nothing happens.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_MMAP_THRESHOLD, _LARGE)
        allocator.mallopt(_TRIM_THRESHOLD, _SPARE)


class SharedMemory:
    """Lends out bytes of a fixed total, in the order in which they are asked for.

    Nothing is allocated here: who borrows keeps to what was asked. First come, first served, so
    that a large image among many small ones gets its turn.

    Args:
        total: bytes that are lent at the same time. Who asks for more than that gets it alone.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self.reset()

    def reset(self) -> None:
        """Forget who borrows: in a forked process, where those threads are not."""
        self._lent = 0
        self._next_ticket = 0
        self._serving = 0
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait for so many bytes and hold them."""
        with self._changed:
            ticket = self._next_ticket
            self._next_ticket += 1
            self._changed.wait_for(lambda: ticket == self._serving and self._has_room_for(size))
            self._lent += size
            self._serving += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._lent -= size
                self._changed.notify_all()

    def _has_room_for(self, size: int) -> bool:
        return self._lent == 0 or self._lent + size <= self._total


# What decoding takes, in all threads of this process together. Large images wait for one another,
# so that as many threads as there are cores do not each hold one.
DECODING_MEMORY = SharedMemory(_DECODING)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODING_MEMORY.reset)
