"""Fitting a model with Lightning, quietly: the best checkpoint by validation loss is restored."""

import contextlib
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from data_registry.errors import InputError, StorageError
from data_registry.progress import Progress, report_phase
from data_registry.storage.json_records import refuse_unknown_keys
from train.fitting.batches import ArrayBatches
from train.fitting.checkpoints import load_best_weights, read_resume_checkpoint
from train.fitting.distillation_loss import DistillationLoss, SoftTargets
from train.fitting.distributed import choose_process_count, run_distributed_training
from train.fitting.fit_config import FitConfig
from train.fitting.learner import Check, Forward, Learner, Plan
from train.fitting.losses import CrossEntropyLoss, Mixing, compute_class_weights
from train.fitting.trainer import Records, Training, run_training


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class FitResult:
    """How a training went.

    Attributes:
        history: one entry a check, in order.
        best_step: the check whose weights were restored.
        steps: optimiser steps made.
        seconds: wall-clock time of the last piece, if it was killed in between.
        micro_batch: images computed at once; fewer than asked for where memory ran out.
    """

    history: tuple[Check, ...]
    best_step: int
    steps: int
    seconds: float
    micro_batch: int = 0

    def combine(self, later: "FitResult") -> "FitResult":
        """Combine this training with a later one that started from its weights."""
        moved = tuple(replace(check, step=check.step + self.steps) for check in later.history)
        return replace(
            later,
            history=self.history + moved,
            best_step=later.best_step + self.steps,
            steps=later.steps + self.steps,
            seconds=later.seconds + self.seconds,
        )


def fit(
    module: nn.Module,
    prepare: Forward,
    train: ArrayBatches,
    val: ArrayBatches | None,
    *,
    class_count: int,
    config: FitConfig,
    progress: Progress,
    records: Records | None = None,
    soft_targets: SoftTargets | None = None,
    devices: int = 1,
) -> FitResult:
    """Train `module` in place. The same seed gives the same weights on a CPU, killed or not.

    A part of `module` whose weights are all frozen stays in evaluation mode, so that neither its
    BatchNorm statistics nor its dropout move.

    Args:
        module: maps prepared inputs to logits.
        prepare: from stored inputs to what `module` takes, for example normalisation.
        train: inputs and labels, hard or soft.
        val: selects the checkpoint that is restored. Without it the last weights stay, which
            the cosine has brought to rest.
        class_count: length of a row of logits.
        config: see `FitConfig`.
        progress: advances by one a step.
        records: checkpoints and loggers.
        soft_targets: a teacher's; the labels of `train` are then what its `build_targets` returns.
        devices: GPUs that share each batch; 0: all there are. Without a GPU: processes. Who asks
            to be told of every check trains on one.

    Raises:
        InputError: there are not as many GPUs, the loss became infinite, or memory does not
            suffice for one image.
    """
    started = time.perf_counter()
    records = records or Records()
    plan = _build_plan(config, train, class_count, soft_targets)
    learner = Learner(module, prepare, plan)
    _set_memory_format(module, torch.channels_last)
    with (
        report_phase(progress, "training", plan.total_steps),
        _open_folder(records) as folder,
        torch.random.fork_rng(),
    ):
        torch.manual_seed(config.seed)
        kept = read_resume_checkpoint(folder)
        if kept is not None and learner.load_if_finished(kept):
            steps = int(kept["global_step"])
        else:
            steps = _run_training(
                Training(learner=learner, train=train, val=val, folder=folder, records=records),
                progress,
                devices,
            )
        best_step = steps if val is None else _restore_best(learner, folder, config)
    _set_memory_format(module.to("cpu").eval(), torch.contiguous_format)
    seconds = time.perf_counter() - started
    return FitResult(
        history=tuple(learner.history),
        best_step=best_step,
        steps=steps,
        seconds=seconds,
        micro_batch=learner.micro_batch,
    )


def _run_training(training: Training, progress: Progress, devices: int) -> int:
    """Train in one process or in several; return the number of steps."""
    learner, folder = training.learner, training.folder
    size = 1 if training.records.on_check else choose_process_count(devices, learner.plan.batch)
    if size == 1:
        return run_training(training, progress)
    run_distributed_training(size, training, progress)
    kept = read_resume_checkpoint(folder)
    if kept is None or not learner.load_if_finished(kept):
        raise StorageError(f"the trained weights are not in {folder}: run the command again")
    return int(kept["global_step"])


def _set_memory_format(module: nn.Module, layout: torch.memory_format) -> None:
    """Set the memory format; channels last make convolutions up to 1.6 times faster."""
    module.to(memory_format=layout)


def _build_plan(
    config: FitConfig, train: ArrayBatches, class_count: int, soft_targets: SoftTargets | None
) -> Plan:
    count, labels = len(train), train.labels
    own = labels[:, :class_count] if labels.ndim == 2 else labels
    weights = compute_class_weights(own, class_count) if config.class_weights else None
    loss = CrossEntropyLoss(weights, config.label_smoothing)
    taught = (
        None
        if soft_targets is None
        else DistillationLoss(loss, soft_targets.temperature, soft_targets.share)
    )
    return Plan(
        config=config,
        total_steps=config.count_steps(count),
        steps_per_check=config.count_steps_per_check(count),
        batch=min(config.batch_size, count),
        loss=taught or loss,
        mixing=Mixing(config.mixup, config.cutmix, *labels.shape[1:] or (class_count,)),
    )


def _restore_best(learner: Learner, folder: Path, config: FitConfig) -> int:
    best = load_best_weights(folder)
    if best is None or not all(math.isfinite(check.val_loss) for check in learner.history):
        raise InputError(
            "training did not converge: the validation loss became infinite at learning rate "
            f"{config.learning_rate:g}. Lower learning_rate in the project file"
        )
    learner.load_state_dict(best["state_dict"])
    return int(best["global_step"])


@contextlib.contextmanager
def _open_folder(records: Records) -> Iterator[Path]:
    if records.folder is not None:
        records.folder.mkdir(parents=True, exist_ok=True)
        yield records.folder
        return
    with tempfile.TemporaryDirectory(prefix="ephyra-fit-") as folder:
        yield Path(folder)
