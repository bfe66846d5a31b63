"""Processes that learn one model together, each from its share of every batch.

Synchronous data parallelism as in PyTorch's DistributedDataParallel (Li et al., 2020): gradients
are added up, so that every process makes the same optimiser step. They are added once a step and
not while they are computed, because a step that runs out of memory is begun again in smaller parts,
and then all must begin it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class ProcessGroup:
    """One process among those that train together; a single process exchanges nothing.

    Attributes:
        rank: 0 checks, saves and reports.
        size: processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_leader(self) -> bool:
        """Whether this process checks, saves and reports."""
        return self.rank == 0

    def select_share(self, rows: Sequence[int]) -> Sequence[int]:
        """Select this process's part of a batch."""
        return rows[self.rank :: self.size]

    def check_any(self, happened: bool) -> bool:
        """Check whether something happened in any process."""
        return self.compute_sums([float(happened)])[0] > 0

    def add_gradients(self, module: nn.Module) -> None:
        """Replace each weight's gradient by its sum over all processes."""
        if self.size == 1:
            return
        learning = [weight for weight in module.parameters() if weight.requires_grad]
        for weight in learning:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        gradients = [weight.grad for weight in learning if weight.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(together)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, sums in zip(gradients, torch.split(together, sizes), strict=True):
            gradient.copy_(sums.view_as(gradient))

    def compute_sums(self, values: Sequence[float]) -> list[float]:
        """Sum each number over all processes."""
        if self.size == 1:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64, device=_select_device())
        dist.all_reduce(told)
        return [float(value) for value in told.tolist()]

    def broadcast_from_leader(self, values: Sequence[float]) -> list[float]:
        """Return the leader's numbers; devices may differ in the last digit, but stop together."""
        if self.size == 1:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64, device=_select_device())
        dist.broadcast(told, src=0)
        return [float(value) for value in told.tolist()]


SINGLE_PROCESS = ProcessGroup()


def _select_device() -> str:
    """Select the device on which NCCL or gloo exchanges numbers."""
    return f"cuda:{torch.cuda.current_device()}" if dist.get_backend() == "nccl" else "cpu"
