"""Batches for training and validation, cut from arrays that lie ready."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from train.fitting.losses import Targets
from train.fitting.process_group import SINGLE_PROCESS, ProcessGroup

Batch = tuple[torch.Tensor, torch.Tensor]
_VALIDATION_BATCH = 64


class Rows(Protocol):
    """An array, or something that gives rows as an array does."""

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> npt.NDArray[Any]: ...


class ArrayBatches(Dataset[Batch]):
    """Rows of an array with their labels, fetched a batch at a time.

    Args:
        inputs: (n, ...) pixels or features, in memory or in a file.
        labels: class indices (n,), or soft labels: probabilities (n, classes).
        change: random changes of a batch of inputs, for training alone.
    """

    def __init__(
        self,
        inputs: Rows,
        labels: Targets,
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
        """Fetch a batch: inputs (b, ...) and labels (b,) or (b, classes)."""
        chosen = np.asarray(rows, dtype=np.int64)
        inputs = torch.from_numpy(np.array(self._inputs[chosen]))
        if self._change is not None:
            inputs = self._change(inputs)
        return inputs, torch.from_numpy(self.labels[chosen])


class TrainingBatches:
    """Shuffled batches from one check to the next; each follows from the seed and its step alone.

    So a killed training resumes with the batches that it would have had. An incomplete
    last batch of a pass is left for the next pass's shuffle: otherwise BatchNorm would now and
    then see a batch of one.

    Args:
        batches: the training images.
        batch_size: images a step.
        seed: of order and random changes.
        steps_per_check: batches of one round of iteration.
        total_steps: where the last round ends; None for no end.
        steps_done: asked when a round begins.
        process_group: who learns together; each gets its share of a batch.
    """

    def __init__(
        self,
        batches: ArrayBatches,
        batch_size: int,
        seed: int,
        *,
        steps_per_check: int,
        total_steps: int | None,
        steps_done: Callable[[], int],
        process_group: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        self._batches = batches
        self._size = min(batch_size, len(batches))
        self._seed = seed
        self._steps_per_check = steps_per_check
        self._total = total_steps
        self._steps_done = steps_done
        self._process_group = process_group

    def __iter__(self) -> Iterator[Batch]:
        first = self._steps_done()
        end = first - first % self._steps_per_check + self._steps_per_check
        for step in range(first, end if self._total is None else min(end, self._total)):
            yield self._build_batch(step)

    def _build_batch(self, step: int) -> Batch:
        number, place = divmod(step, len(self._batches) // self._size)
        order = np.random.default_rng((_wrap_seed(self._seed), number)).permutation(
            len(self._batches)
        )
        torch.manual_seed(derive_step_seed(self._seed, step, 0, self._process_group.rank))
        rows = order[place * self._size : (place + 1) * self._size]
        return self._batches.__getitems__(self._process_group.select_share(rows.tolist()))


def derive_step_seed(seed: int, step: int, purpose: int, rank: int = 0) -> int:
    """Derive the seed for one purpose in one step; each process gets another one."""
    facts = (_wrap_seed(seed), step, purpose)
    drawn = np.random.SeedSequence((*facts, rank) if rank else facts).generate_state(1)
    return int(drawn[0])


def _wrap_seed(seed: int) -> int:
    return seed % 2**63


def build_validation_loader(batches: ArrayBatches) -> "DataLoader[Batch]":
    """Build a loader that gives all images in order."""
    return DataLoader(batches, batch_size=_VALIDATION_BATCH, collate_fn=_pass_batch)


def _pass_batch(batch: Any) -> Any:
    return batch
