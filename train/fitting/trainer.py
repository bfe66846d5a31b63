"""Lightning drives a learner: callbacks, checkpoints, and where and how it computes."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from torch import nn

from data_registry.errors import InputError
from data_registry.progress import Progress
from train._logging import silence_loggers
from train.data.device import select_training_dtype
from train.fitting.batches import ArrayBatches, TrainingBatches, build_validation_loader
from train.fitting.checkpoints import ResumeCheckpoint, build_best_checkpoint, find_resume_path
from train.fitting.fit_config import FitConfig
from train.fitting.interruption import stop_on_interrupt
from train.fitting.learner import Check, Learner
from train.fitting.process_group import SINGLE_PROCESS, ProcessGroup
from train.fitting.weight_averaging import RunningMean

_PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


@dataclass(frozen=True)
class Records:
    """What a training writes while it runs.

    Attributes:
        folder: where checkpoints are kept, and found again after a kill; None: nowhere. The
            caller removes it when it has kept the result.
        loggers: Lightning's, told of every check.
        on_check: told of every check as well; what it raises ends the training.
    """

    folder: Path | None = None
    loggers: tuple[Logger, ...] = ()
    on_check: Callable[[Check], None] | None = None

    def enter_subfolder(self, name: str) -> "Records":
        """Return a copy whose checkpoint folder is inside this one."""
        return replace(self, folder=None if self.folder is None else self.folder / name)


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training: who learns, from what, and what it leaves behind.

    Attributes:
        learner: trained in place.
        train, val: see `train.fitting.fit.fit`.
        folder: of checkpoints.
        records: loggers, and whether the checkpoint for going on is kept.
    """

    learner: Learner
    train: ArrayBatches
    val: ArrayBatches | None
    folder: Path
    records: Records


def run_training(
    training: Training, progress: Progress, process_group: ProcessGroup = SINGLE_PROCESS
) -> int:
    """Train until the plan's end, from the kept checkpoint on where there is one.

    Args:
        training: the learner is trained in place.
        progress: advances by one a step.
        process_group: this process's place among those that train together.

    Returns:
        Optimiser steps made, those before a kill included.
    """
    learner = training.learner
    learner.process_group = process_group
    _set_training_mode(learner.module)
    # It advertises itself at each start and recommends worker processes for arrays in memory.
    with silence_loggers("lightning.pytorch"):
        trainer = _build_trainer(training, progress)
        return _run_trainer(training, trainer)


def _run_trainer(training: Training, trainer: Any) -> int:
    learner, plan = training.learner, training.learner.plan
    batches = TrainingBatches(
        training.train,
        plan.config.batch_size,
        plan.config.seed,
        steps_per_check=plan.steps_per_check,
        total_steps=plan.total_steps,
        steps_done=lambda: int(trainer.global_step),
        process_group=learner.process_group,
    )
    checks = None if training.val is None else build_validation_loader(training.val)
    ending = stop_on_interrupt(trainer) if plan.config.is_endless else contextlib.nullcontext()
    with ending:
        trainer.fit(learner, batches, checks, ckpt_path=find_resume_path(training.folder))
    return int(trainer.global_step)


def _set_training_mode(module: nn.Module) -> None:
    """Set training mode, which Lightning does not; frozen parts stay in evaluation mode."""
    module.train()
    for part in module.modules():
        weights = list(part.parameters())
        if weights and not any(one.requires_grad for one in weights):
            part.eval()


def _build_callbacks(training: Training, progress: Progress) -> list[Callback]:
    config, folder = training.learner.plan.config, training.folder
    records, checked = training.records, training.val is not None
    callbacks: list[Callback] = []
    if config.ema > 0:
        callbacks.append(RunningMean(config.ema))
    if checked and config.patience is not None:
        callbacks.append(
            EarlyStopping(
                "val_loss",
                patience=config.patience,
                min_delta=config.min_delta,
                check_on_train_epoch_end=False,
            )
        )
    if not training.learner.process_group.is_leader:
        return callbacks
    callbacks.append(_ProgressCallback(progress))
    if checked:
        callbacks.append(build_best_checkpoint(folder, averaged=config.ema > 0))
    if records.folder is not None:
        callbacks.append(ResumeCheckpoint(folder))
    if records.on_check is not None:
        callbacks.append(_CheckCallback(records.on_check))
    return callbacks


def _build_trainer(training: Training, progress: Progress) -> Any:
    learner, loggers = training.learner, list(training.records.loggers)
    on_gpu, plan, process_group = torch.cuda.is_available(), learner.plan, learner.process_group
    callbacks = _build_callbacks(training, progress)
    return lightning.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=[process_group.rank] if on_gpu else 1,
        precision=_select_precision(plan.config, learner.module),
        max_steps=-1 if plan.total_steps is None else plan.total_steps,
        max_epochs=-1,
        callbacks=callbacks,
        default_root_dir=training.folder,
        enable_checkpointing=any(isinstance(item, ModelCheckpoint) for item in callbacks),
        num_sanity_val_steps=0,
        logger=(loggers or False) if process_group.is_leader else False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _select_precision(config: FitConfig, module: nn.Module) -> str:
    if config.precision == "float16" and not torch.cuda.is_available():
        raise InputError(
            'precision = "float16" needs a GPU, and there is none here: set "bfloat16" or "auto"'
        )
    if config.precision == "auto":
        return _PRECISIONS[str(select_training_dtype(module)).removeprefix("torch.")]
    return _PRECISIONS[config.precision]


class _ProgressCallback(Callback):  # type: ignore[misc]
    """Lightning's steps as our progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_batch_end(self, *_: Any) -> None:
        self._progress.advance()


class _CheckCallback(Callback):  # type: ignore[misc]
    """Calls back after each check."""

    def __init__(self, on_check: Callable[[Check], None]) -> None:
        self._on_check = on_check

    def on_validation_end(self, _: Any, learner: Learner) -> None:
        self._on_check(learner.history[-1])
