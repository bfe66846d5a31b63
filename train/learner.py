"""One step of learning, and the record of how it went: what Lightning drives."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import nn

from train.batches import Batch

Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Check:
    """The state of a training at one validation.

    Attributes:
        step: optimiser steps so far.
        train_loss, train_accuracy: over the (augmented) batches since the last check.
        val_loss, val_accuracy: over the whole validation split.
    """

    step: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True)
class Recipe:
    """What the optimiser is told; see `train.fit.FitConfig`.

    Attributes:
        class_weights: (classes,) weights of the training loss, or None.
    """

    learning_rate: float
    weight_decay: float
    warmup_steps: int
    total_steps: int
    label_smoothing: float
    class_weights: torch.Tensor | None


class _Tally:
    """Sums of loss and correct answers over images."""

    def __init__(self) -> None:
        self.loss, self.correct, self.count = 0.0, 0, 0

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        self.loss += float(loss.detach()) * len(labels)
        self.correct += int((logits.detach().argmax(1) == labels).sum())
        self.count += len(labels)

    def means(self) -> tuple[float, float]:
        return self.loss / max(self.count, 1), self.correct / max(self.count, 1)


class Learner(lightning.LightningModule):  # type: ignore[misc]
    """Cross-entropy with AdamW, a warm-up and a cosine.

    Args:
        module: what is trained: maps prepared inputs to logits.
        prepare: from stored inputs (uint8 pixels, or features) to what `module` takes.
        recipe: numbers of the optimiser.
    """

    def __init__(self, module: nn.Module, prepare: Forward, recipe: Recipe) -> None:
        super().__init__()
        self.module = module
        self.history: list[Check] = []
        self._prepare = prepare
        self._recipe = recipe
        self._training, self._validation = _Tally(), _Tally()

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Loss of one batch."""
        inputs, labels = batch
        logits = self.module(self._prepare(inputs))
        weights = self._recipe.class_weights
        loss = F.cross_entropy(
            logits,
            labels,
            weight=None if weights is None else weights.to(logits.device),
            label_smoothing=self._recipe.label_smoothing,
        )
        self._training.add(loss, logits, labels)
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Count one batch; smoothing and class weights are matters of training alone."""
        inputs, labels = batch
        logits = self.module(self._prepare(inputs))
        self._validation.add(F.cross_entropy(logits.float(), labels), logits, labels)

    def on_validation_epoch_end(self) -> None:
        """Write the check down and tell the callbacks the loss."""
        train_loss, train_accuracy = self._training.means()
        val_loss, val_accuracy = self._validation.means()
        self.history.append(
            Check(self.global_step, train_loss, train_accuracy, val_loss, val_accuracy)
        )
        self.log("val_loss", val_loss)
        self._training, self._validation = _Tally(), _Tally()

    def configure_optimizers(self) -> dict[str, object]:
        """AdamW; biases and normalisation layers do not decay."""
        weights = [p for p in self.module.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in weights if p.ndim > 1]},
            {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
        ]
        recipe = self._recipe
        optimiser = torch.optim.AdamW(
            groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate_at)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _rate_at(self, step: int) -> float:
        """Share of the full learning rate: a straight climb, then half a cosine to zero."""
        warmup = self._recipe.warmup_steps
        if step < warmup:
            return (step + 1) / (warmup + 1)
        way = (step - warmup) / max(self._recipe.total_steps - warmup, 1)
        return 0.5 * (1 + math.cos(math.pi * min(way, 1.0)))
