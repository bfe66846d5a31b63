"""Batches for training and validation, cut from arrays that lie ready."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from train.data import Labels

Batch = tuple[torch.Tensor, torch.Tensor]
_VALIDATION_BATCH = 64


class Rows(Protocol):
    """An array, or something that gives rows as an array does."""

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> npt.NDArray[Any]: ...


class ArrayBatches(Dataset[Batch]):
    """Rows of an array with their labels, fetched a batch at a time.

    Args:
        inputs: (n, ...) pixels or features, possibly memory-mapped.
        labels: class indices (n,).
        change: random changes of a batch of inputs, for training alone.
    """

    def __init__(
        self,
        inputs: Rows,
        labels: Labels,
        change: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self._inputs = inputs
        self.labels = labels
        self._change = change

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> Batch:
        return self.__getitems__([row])

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        """A batch: inputs (b, ...) and labels (b,)."""
        chosen = np.asarray(rows, dtype=np.int64)
        inputs = torch.from_numpy(np.array(self._inputs[chosen]))
        if self._change is not None:
            inputs = self._change(inputs)
        return inputs, torch.from_numpy(self.labels[chosen])


def training_loader(batches: ArrayBatches, batch_size: int, seed: int) -> "DataLoader[Batch]":
    """Shuffled; an incomplete last batch is left for the next epoch's shuffle.

    Otherwise BatchNorm would now and then see a batch of one.
    """
    return DataLoader(
        batches,
        batch_size=min(batch_size, len(batches)),
        shuffle=True,
        drop_last=True,
        collate_fn=_as_it_is,
        generator=torch.Generator().manual_seed(seed),
    )


def validation_loader(batches: ArrayBatches) -> "DataLoader[Batch]":
    """In order and complete."""
    return DataLoader(batches, batch_size=_VALIDATION_BATCH, collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    return batch
