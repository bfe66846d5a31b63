"""Photos to model-sized pixels, decoded by threads while the caller works on the last batch."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from data_registry.pixels import decode
from train.preprocessing import PixelArray, Preprocessing

ReadImage = Callable[[str], bytes]  # from a SHA-256 to the encoded image


def prepared_batches(
    sha256s: Sequence[str], read: ReadImage, preprocessing: Preprocessing, batch_size: int
) -> Iterator[PixelArray]:
    """The images in order, in batches of uint8 (n, 3, height, width); the last may be smaller.

    Pillow lets go of the interpreter's lock while it decodes, so threads use every core.

    Raises:
        ImageError: an image cannot be decoded.
    """
    prepared = _ahead(sha256s, lambda name: prepare(read(name), preprocessing), 2 * batch_size)
    while batch := list(islice(prepared, batch_size)):
        yield np.stack(batch)


def prepare(data: bytes, preprocessing: Preprocessing) -> PixelArray:
    """Encoded bytes to uint8 (3, height, width)."""
    return preprocessing.pixels(decode(data, least_side=preprocessing.least_side).image)


def _ahead(
    names: Iterable[str], work: Callable[[str], PixelArray], window: int
) -> Iterator[PixelArray]:
    """`map` by threads, in order, never more than `window` results ahead: memory stays level."""
    remaining = iter(names)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        waiting: deque[Future[PixelArray]] = deque(
            pool.submit(work, name) for name in islice(remaining, window)
        )
        while waiting:
            result = waiting.popleft().result()
            for name in islice(remaining, 1):
                waiting.append(pool.submit(work, name))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
