"""Several processes drive one training: each has a GPU, and its share of every batch."""

import contextlib
import copy
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessException, start_processes

from data_registry.errors import EphyraError, InputError
from data_registry.progress import Progress, SilentProgress
from train.fitting.learner import Learner
from train.fitting.process_group import ProcessGroup
from train.fitting.trainer import Training, run_training


def choose_process_count(devices: int, batch: int) -> int:
    """Choose how many processes train together.

    Args:
        devices: wanted; 0: every GPU there is.
        batch: images a step; each process needs one.

    Raises:
        InputError: more GPUs are wanted than there are.
    """
    there = torch.cuda.device_count()
    if there and devices > there:
        raise InputError(
            f"[train] devices = {devices}, but this machine has {there}: lower it, or set 0 for all"
        )
    return min(devices or max(there, 1), batch)


def run_distributed_training(size: int, training: Training, progress: Progress) -> None:
    """Call `run_training` in `size` processes; the final checkpoint is in the folder.

    Raises:
        EphyraError: the error of a process.
    """
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    records = replace(training.records, folder=training.folder, on_check=None)
    work = replace(training, records=records)
    with tempfile.TemporaryDirectory(prefix="ephyra-team-") as meeting:
        processes = start_processes(  # type: ignore[no-untyped-call]
            _run_process, (size, work, meeting, told), nprocs=size, join=False, start_method="spawn"
        )
        failure = None
        with _forward_messages(told, progress) as errors, _ignore_interrupts(training.learner):
            try:
                while not processes.join():
                    pass
            except ProcessException as error:
                failure = error
    if failure is not None:
        raise errors[0] if errors else failure


class _ForwardedProgress(SilentProgress):
    """Forwards the leading process's progress to the waiting one."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def advance(self, count: int = 1) -> None:
        """Send the count."""
        self._queue.put(count)


def _run_process(rank: int, size: int, work: Training, meeting: str, told: Any) -> None:
    """Run one process from start to end."""
    learner = copy.deepcopy(work.learner)  # PyTorch passes tensors in shared memory
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(rank)
    else:
        torch.set_num_threads(max((os.cpu_count() or 1) // size, 1))
    store = dist.FileStore(str(Path(meeting) / "rendezvous"), size)  # type: ignore[attr-defined]
    dist.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=store,
        rank=rank,
        world_size=size,
    )
    try:
        run_training(
            replace(work, learner=learner), _ForwardedProgress(told), ProcessGroup(rank, size)
        )
    except EphyraError as error:
        told.put(error)
        raise
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _forward_messages(told: Any, progress: Progress) -> Iterator[list[EphyraError]]:
    """Forward the processes' messages until the block ends; collect their errors."""
    errors: list[EphyraError] = []

    def listen() -> None:
        while (item := told.get()) is not None:
            if isinstance(item, EphyraError):
                errors.append(item)
            else:
                progress.advance(item)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield errors
    finally:
        told.put(None)
        listener.join()


@contextlib.contextmanager
def _ignore_interrupts(learner: Learner) -> Iterator[None]:
    """Ignore Ctrl-C here if it is what ends the training: the processes receive it too."""
    waiting = learner.plan.config.is_endless
    if not waiting or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
