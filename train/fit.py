"""Fitting a model with Lightning, quietly: the best checkpoint by validation loss is restored."""

import contextlib
import logging
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from torch import nn

from data_registry.errors import InputError
from data_registry.progress import Progress, stretch
from train.batches import ArrayBatches, TrainingBatches, validation_loader
from train.checkpoints import KeepForResuming, best_weights, keep_best, kept_path, read_kept
from train.compute import best_training_dtype
from train.distillation import Lesson, TaughtLoss
from train.fit_config import FitConfig
from train.interruption import ended_by_interrupt
from train.learner import Check, Forward, Learner, Plan
from train.losses import Loss, Mixing, class_weights
from train.weight_averaging import RunningMean

_PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


@dataclass(frozen=True)
class Fitted:
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

    def then(self, later: "Fitted") -> "Fitted":
        """This training and one that began with its weights, as one."""
        moved = tuple(replace(check, step=check.step + self.steps) for check in later.history)
        return replace(
            later,
            history=self.history + moved,
            best_step=later.best_step + self.steps,
            steps=later.steps + self.steps,
            seconds=later.seconds + self.seconds,
        )


@dataclass(frozen=True)
class Records:
    """What a training leaves behind while it runs.

    Attributes:
        folder: where checkpoints are kept, and found again after a kill; None: nowhere. The
            caller removes it when it has kept the result.
        loggers: Lightning's, told of every check.
        on_check: told of every check as well; what it raises ends the training.
    """

    folder: Path | None = None
    loggers: tuple[Logger, ...] = ()
    on_check: Callable[[Check], None] | None = None

    def below(self, name: str) -> "Records":
        """The same, with a checkpoint folder inside this one."""
        return replace(self, folder=None if self.folder is None else self.folder / name)


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
    lesson: Lesson | None = None,
) -> Fitted:
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
        config: see there.
        progress: advances by one a step.
        records: checkpoints and loggers.
        lesson: a teacher's; the labels of `train` are then its `targets`.

    Raises:
        InputError: the loss became infinite, or memory does not suffice for one image.
    """
    started = time.perf_counter()
    records = records or Records()
    plan = _plan(config, train, class_count, lesson)
    learner = Learner(module, prepare, plan)
    _lay_out(module, torch.channels_last)
    with (
        stretch(progress, "training", plan.total_steps),
        _quiet(),
        _folder(records) as folder,
        torch.random.fork_rng(),
    ):
        torch.manual_seed(config.seed)
        kept = read_kept(folder)
        if kept is not None and learner.takes_over(kept):
            steps = int(kept["global_step"])
        else:
            callbacks = _callbacks(config, folder, progress, records, checked=val is not None)
            steps = _run(_trainer(folder, learner, callbacks, records), learner, train, val)
        best_step = steps if val is None else _restore(learner, folder, config)
    _lay_out(module.to("cpu").eval(), torch.contiguous_format)
    seconds = time.perf_counter() - started
    return Fitted(tuple(learner.history), best_step, steps, seconds, learner.micro_batch)


def _lay_out(module: nn.Module, layout: torch.memory_format) -> None:
    """Convolutions are up to 1.6 times faster with an image's channels side by side."""
    module.to(memory_format=layout)


def _plan(config: FitConfig, train: ArrayBatches, class_count: int, lesson: Lesson | None) -> Plan:
    count, labels = len(train), train.labels
    own = labels[:, :class_count] if labels.ndim == 2 else labels
    weights = class_weights(own, class_count) if config.class_weights else None
    loss = Loss(weights, config.label_smoothing)
    taught = None if lesson is None else TaughtLoss(loss, lesson.temperature, lesson.share)
    return Plan(
        config=config,
        total_steps=config.steps(count),
        steps_a_check=config.steps_a_check(count),
        loss=taught or loss,
        mixing=Mixing(config.mixup, config.cutmix, *labels.shape[1:] or (class_count,)),
    )


def _run(trainer: Any, learner: Learner, train: ArrayBatches, val: ArrayBatches | None) -> int:
    plan = learner.plan
    _into_training(learner.module)
    batches = TrainingBatches(
        train,
        plan.config.batch_size,
        plan.config.seed,
        steps_a_check=plan.steps_a_check,
        total_steps=plan.total_steps,
        steps_done=lambda: int(trainer.global_step),
    )
    checks = None if val is None else validation_loader(val)
    kept = kept_path(Path(trainer.default_root_dir))
    ending = ended_by_interrupt(trainer) if plan.config.is_endless else contextlib.nullcontext()
    with ending:
        trainer.fit(learner, batches, checks, ckpt_path=kept)
    return int(trainer.global_step)


def _into_training(module: nn.Module) -> None:
    """Lightning leaves modes as they are, and a loaded backbone stands in evaluation."""
    module.train()
    for part in module.modules():
        weights = list(part.parameters())
        if weights and not any(one.requires_grad for one in weights):
            part.eval()


def _callbacks(
    config: FitConfig, folder: Path, progress: Progress, records: Records, *, checked: bool
) -> list[Callback]:
    callbacks: list[Callback] = [_Advance(progress)]
    if config.ema > 0:
        callbacks.append(RunningMean(config.ema))
    if checked:
        callbacks.append(keep_best(folder, averaged=config.ema > 0))
    if checked and config.patience is not None:
        callbacks.append(
            EarlyStopping(
                "val_loss",
                patience=config.patience,
                min_delta=config.min_delta,
                check_on_train_epoch_end=False,
            )
        )
    if records.folder is not None:
        callbacks.append(KeepForResuming(folder))
    if records.on_check is not None:
        callbacks.append(_Watched(records.on_check))
    return callbacks


def _trainer(folder: Path, learner: Learner, callbacks: list[Callback], records: Records) -> Any:
    on_gpu, plan = torch.cuda.is_available(), learner.plan
    return lightning.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=1,
        precision=_precision(plan.config, learner.module),
        max_steps=-1 if plan.total_steps is None else plan.total_steps,
        max_epochs=-1,
        callbacks=callbacks,
        default_root_dir=folder,
        enable_checkpointing=any(isinstance(item, ModelCheckpoint) for item in callbacks),
        num_sanity_val_steps=0,
        logger=list(records.loggers) or False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _precision(config: FitConfig, module: nn.Module) -> str:
    if config.precision == "float16" and not torch.cuda.is_available():
        raise InputError(
            'precision = "float16" needs a GPU, and there is none here: say "bfloat16" or "auto"'
        )
    if config.precision == "auto":
        return _PRECISIONS[str(best_training_dtype(module)).removeprefix("torch.")]
    return _PRECISIONS[config.precision]


def _restore(learner: Learner, folder: Path, config: FitConfig) -> int:
    best = best_weights(folder)
    if best is None or not all(math.isfinite(check.val_loss) for check in learner.history):
        raise InputError(
            "training did not converge: the validation loss became infinite at learning rate "
            f"{config.learning_rate:g}. Lower learning_rate in the project file"
        )
    learner.load_state_dict(best["state_dict"])
    return int(best["global_step"])


class _Advance(Callback):  # type: ignore[misc]
    """Lightning's steps as our progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_batch_end(self, *_: Any) -> None:
        self._progress.advance()


class _Watched(Callback):  # type: ignore[misc]
    """Tells another of each check."""

    def __init__(self, on_check: Callable[[Check], None]) -> None:
        self._on_check = on_check

    def on_validation_end(self, _: Any, learner: Learner) -> None:
        self._on_check(learner.history[-1])


@contextlib.contextmanager
def _folder(records: Records) -> Iterator[Path]:
    if records.folder is not None:
        records.folder.mkdir(parents=True, exist_ok=True)
        yield records.folder
        return
    with tempfile.TemporaryDirectory(prefix="ephyra-fit-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning advertises itself at each start and wants worker processes for arrays in memory."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
