"""Photos to model-sized pixels, decoded by threads while the caller works on the last batch."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from data_registry.errors import name_image_in_errors
from data_registry.images.decoding_cost import choose_shrink_factor_for
from data_registry.images.image_limits import ImageLimits
from data_registry.images.pixels import DecodedImage, decode, decode_stored
from train.data.preprocessing import PixelArray, Preprocessing

ReadImage = Callable[[str], bytes]  # from a SHA-256 to the encoded image
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def prepare_batches(
    sha256s: Sequence[str], read: ReadImage, preprocessing: Preprocessing, batch_size: int
) -> Iterator[PixelArray]:
    """Yield the images in order, in uint8 batches (n, 3, height, width); the last may be smaller.

    Pillow releases the interpreter's lock while it decodes, so threads use every core.

    Raises:
        ImageError: an image cannot be decoded; the message names it.
    """

    def prepare_one(name: str) -> PixelArray:
        with name_image_in_errors(name):
            return prepare_image(read(name), preprocessing)

    prepared = map_ahead(sha256s, prepare_one, 2 * batch_size)
    while batch := list(islice(prepared, batch_size)):
        yield np.stack(batch)


def prepare_image(data: bytes, preprocessing: Preprocessing) -> PixelArray:
    """Decode a stored image's bytes into uint8 (3, height, width)."""
    return preprocessing.resize_and_crop(decode_stored(data, preprocessing.least_side).image)


def prepare_for_models(
    data: bytes, models: Sequence[Preprocessing], limits: ImageLimits
) -> list[PixelArray]:
    """Decode an image from outside into the pixels of each model; decode each size once.

    Raises:
        ImageError: as `data_registry.images.pixels.decode`.
    """
    decoded: dict[int, DecodedImage] = {}
    found: list[PixelArray] = []
    for own in models:
        known = next(iter(decoded.values()), None)
        factor = _compute_shrink_factor(known, own) if known else 0
        if factor not in decoded:
            fresh = decode(data, limits, own.least_side)
            decoded[factor := _compute_shrink_factor(fresh, own)] = fresh
        found.append(own.resize_and_crop(decoded[factor].image))
    return found


def _compute_shrink_factor(decoded: DecodedImage, model: Preprocessing) -> int:
    shorter = min(decoded.width, decoded.height)
    return choose_shrink_factor_for(decoded.format, shorter, model.least_side)


def map_ahead(items: Iterable[_In], work: Callable[[_In], _Out], window: int) -> Iterator[_Out]:
    """Map by threads, in order, at most `window` results ahead, so memory use is bounded."""
    remaining = iter(items)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        waiting: deque[Future[_Out]] = deque(
            pool.submit(work, item) for item in islice(remaining, window)
        )
        while waiting:
            result = waiting.popleft().result()
            for item in islice(remaining, 1):
                waiting.append(pool.submit(work, item))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
