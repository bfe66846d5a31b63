"""Fitting a model with Lightning, quietly: the best checkpoint by validation loss is restored."""

import contextlib
import logging
import math
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import nn

from data_registry.errors import InputError
from data_registry.progress import Progress
from train.batches import ArrayBatches, training_loader, validation_loader
from train.data import Labels
from train.learner import Check, Forward, Learner, Recipe

_CHECKS = 20  # validations of a training that is given in steps


@dataclass(frozen=True)
class FitConfig:
    """How long and how to learn.

    Attributes:
        epochs: passes over the training images; ignored where `max_steps` is given.
        max_steps: optimiser steps, or None.
        batch_size: images a step.
        learning_rate: the highest, after the warm-up.
        weight_decay: AdamW's.
        warmup_share: share of all steps in which the learning rate climbs.
        patience: checks without a lower validation loss before training stops; None never stops.
        label_smoothing: 0 to 1.
        class_weights: weigh classes by the inverse of their number of images.
        seed: of the head, the order of images, augmentation and dropout.
    """

    epochs: int = 20
    max_steps: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.1
    patience: int | None = 5
    label_smoothing: float = 0.0
    class_weights: bool = False
    seed: int = 0

    def steps(self, image_count: int) -> int:
        """Optimiser steps on `image_count` training images, if nothing stops them earlier."""
        return self.max_steps or self.epochs * self.steps_an_epoch(image_count)

    def steps_an_epoch(self, image_count: int) -> int:
        """Whole batches in one pass."""
        return max(image_count // self.batch_size, 1)


@dataclass(frozen=True)
class Fitted:
    """How a training went.

    Attributes:
        history: one entry a check, in order.
        best_step: the check whose weights were restored.
        steps: optimiser steps made.
        seconds: wall-clock time.
    """

    history: tuple[Check, ...]
    best_step: int
    steps: int
    seconds: float


def fit(
    module: nn.Module,
    prepare: Forward,
    train: ArrayBatches,
    val: ArrayBatches | None,
    *,
    class_count: int,
    config: FitConfig,
    progress: Progress,
) -> Fitted:
    """Train `module` in place. The same seed gives the same weights on a CPU.

    Args:
        module: maps prepared inputs to logits.
        prepare: from stored inputs to what `module` takes, for example normalisation.
        train: inputs and labels.
        val: selects the checkpoint that is restored. Without it the last weights stay, which
            the cosine has brought to rest.
        class_count: length of a row of logits.
        config: see there.
        progress: advances by one a step.

    Raises:
        InputError: the loss became infinite.
    """
    started = time.perf_counter()
    steps = config.steps(len(train))
    learner = Learner(module, prepare, _recipe(config, steps, train.labels, class_count))
    module.train()  # Lightning leaves modes as they are, and a loaded backbone stands in evaluation
    progress.start("training", steps)
    with _quiet(), tempfile.TemporaryDirectory(prefix="ephyra-fit-") as folder:
        best = ModelCheckpoint(folder, monitor="val_loss", save_weights_only=True)
        watchers = [_Advance(progress)] if val is None else [best, _Advance(progress)]
        trainer = _trainer(folder, steps, len(train), config, watchers)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            trainer.fit(
                learner,
                training_loader(train, config.batch_size, config.seed),
                None if val is None else validation_loader(val),
            )
        best_step = trainer.global_step
        if val is not None:
            best_step = _restore(learner, Path(best.best_model_path), config)
    progress.finish()
    module.to("cpu").eval()
    seconds = time.perf_counter() - started
    return Fitted(tuple(learner.history), best_step, trainer.global_step, seconds)


def class_weights(labels: Labels, class_count: int) -> torch.Tensor:
    """Weights (classes,) in inverse proportion to the number of images; over images, mean 1."""
    counts = np.bincount(labels, minlength=class_count)
    present = counts > 0
    weights = np.where(present, len(labels) / (present.sum() * np.maximum(counts, 1)), 0.0)
    return torch.tensor(weights, dtype=torch.float32)


def _recipe(config: FitConfig, steps: int, labels: Labels, class_count: int) -> Recipe:
    weights = class_weights(labels, class_count) if config.class_weights else None
    return Recipe(
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup_steps=round(config.warmup_share * steps),
        total_steps=steps,
        label_smoothing=config.label_smoothing,
        class_weights=weights,
    )


def _trainer(
    folder: str, steps: int, image_count: int, config: FitConfig, callbacks: list[Callback]
) -> Any:
    every = config.steps_an_epoch(image_count)
    if config.max_steps is not None:
        every = max(steps // _CHECKS, 1)
    if config.patience is not None:
        callbacks = [*callbacks, EarlyStopping("val_loss", patience=config.patience)]
    on_gpu = torch.cuda.is_available()
    return lightning.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=1,
        # On CPUs bfloat16 slows the small networks' backward pass down.
        precision="bf16-mixed" if on_gpu else "32-true",
        max_steps=steps,
        max_epochs=-1,
        val_check_interval=every,
        check_val_every_n_epoch=None,
        callbacks=callbacks,
        default_root_dir=folder,
        enable_checkpointing=any(isinstance(item, ModelCheckpoint) for item in callbacks),
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _restore(learner: Learner, checkpoint: Path, config: FitConfig) -> int:
    losses = {check.step: check.val_loss for check in learner.history}
    if not checkpoint.is_file() or not all(map(math.isfinite, losses.values())):
        raise InputError(
            "training did not converge: the validation loss became infinite at learning rate "
            f"{config.learning_rate:g}. Lower learning_rate in the project file"
        )
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    learner.load_state_dict(saved["state_dict"])
    return int(saved["global_step"])


class _Advance(Callback):  # type: ignore[misc]
    """Lightning's steps as our progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_batch_end(self, *_: Any) -> None:
        self._progress.advance()


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
