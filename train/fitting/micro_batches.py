"""A batch in parts small enough for the memory there is."""

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from lightning.pytorch.utilities.memory import garbage_collection_cuda, is_oom_error

from data_registry.errors import InputError

T = TypeVar("T")


class MicroBatches:
    """Splits batches into parts and finds how large a part may be.

    Args:
        size: images computed at once to begin with.

    Attributes:
        size: the current size; it never grows.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def run(
        self,
        count: int,
        compute_parts: Callable[[Sequence[slice]], T],
        any_of: Callable[[bool], bool] = bool,
    ) -> T:
        """Return the result of `compute_parts`; retry with half the size when memory runs out.

        Args:
            count: images of the batch.
            compute_parts: receives the parts. It must undo the effects of an earlier call.
            any_of: whether something happened in any process: if one runs out of memory, all
                retry.

        Raises:
            InputError: not even one image fits.
        """
        while True:
            size = min(self.size, count)
            found: list[T] = []
            try:
                found.append(compute_parts(_split_into_parts(count, size)))
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                if size == 1:
                    raise InputError(
                        "memory does not suffice for a single image of this model: lower "
                        "input_size, take a smaller model, or set freeze = true"
                    ) from error
            # Behind the except block, where the error no longer holds the failed call's tensors.
            if not any_of(not found):
                return found[0]
            found.clear()
            garbage_collection_cuda()
            self.size = (size + 1) // 2


def _split_into_parts(count: int, size: int) -> list[slice]:
    """Split into few, equal parts: a last part of one image would distort BatchNorm."""
    number = -(-count // size)
    ends = [count * place // number for place in range(number + 1)]
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or is_oom_error(error)
