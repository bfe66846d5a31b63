"""One step of learning, and the record of how it went: what Lightning drives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import nn

from data_registry.storage.json_records import refuse_unknown_keys
from train.fitting.batches import Batch, derive_step_seed
from train.fitting.fit_config import FitConfig
from train.fitting.losses import Mixing, TrainingLoss
from train.fitting.micro_batches import MicroBatches
from train.fitting.optimisers import build_optimiser, build_schedules, count_warmup_steps
from train.fitting.process_group import SINGLE_PROCESS, ProcessGroup

Forward = Callable[[torch.Tensor], torch.Tensor]

_LARGEST_GRADIENT = 1.0  # norm over all weights; longer ones are shortened
_STATE_KEY = "ephyra"  # our part of a checkpoint


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is fixed before a training starts.

    Attributes:
        config: the numbers.
        total_steps: None for no end.
        steps_per_check: optimiser steps between two validations.
        batch: images a step.
        loss: of training.
        mixing: of images within a batch.
    """

    config: FitConfig
    total_steps: int | None
    steps_per_check: int
    batch: int
    loss: TrainingLoss
    mixing: Mixing


class _Tally:
    """Sums of loss and correct answers over images."""

    def __init__(self) -> None:
        self.loss, self.correct, self.count = 0.0, 0, 0

    def add(self, losses: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> None:
        # A teacher's probabilities may follow the columns of the classes.
        classes = targets if targets.ndim == 1 else targets[:, : logits.shape[1]].argmax(1)
        self.loss += float(losses.detach().sum())
        self.correct += int((logits.detach().argmax(1) == classes).sum())
        self.count += len(classes)

    def compute_means(self, process_group: ProcessGroup = SINGLE_PROCESS) -> tuple[float, float]:
        loss, correct, count = process_group.compute_sums([self.loss, self.correct, self.count])
        return loss / max(count, 1), correct / max(count, 1)


class Learner(lightning.LightningModule):  # type: ignore[misc]
    """Cross-entropy, by the plan's optimiser and schedule, in parts that fit into memory.

    Args:
        module: what is trained: maps prepared inputs to logits.
        prepare: from stored inputs (uint8 pixels, or features) to what `module` takes.
        plan: how.

    Attributes:
        history: the checks so far.
        plan: how.
        process_group: who learns with it.
    """

    def __init__(self, module: nn.Module, prepare: Forward, plan: Plan) -> None:
        super().__init__()
        self.automatic_optimization = False  # a step may start again with smaller parts
        self.module = module
        self.history: list[Check] = []
        self.plan = plan
        self.process_group = SINGLE_PROCESS
        self._prepare = prepare
        self._parts = MicroBatches(plan.config.micro_batch or plan.config.batch_size)
        self._training, self._validation = _Tally(), _Tally()

    @property
    def micro_batch(self) -> int:
        """Images computed at once."""
        return self._parts.size

    def training_step(self, batch: Batch, _: int) -> None:
        """Make one optimiser step on a batch, or on this process's share of it."""
        seed, step, process_group = self.plan.config.seed, self.global_step, self.process_group
        torch.manual_seed(derive_step_seed(seed, step, 1, process_group.rank))
        images, targets = self.plan.mixing(self._prepare(batch[0]), batch[1])
        images = convert_to_channels_last(images)
        buffers = [buffer.clone() for buffer in self.module.buffers()]

        def compute_parts(parts: Sequence[slice]) -> list[tuple[torch.Tensor, torch.Tensor]]:
            self.optimizers().zero_grad()
            for buffer, before in zip(self.module.buffers(), buffers, strict=True):
                buffer.copy_(before)
            torch.manual_seed(derive_step_seed(seed, step, 2, process_group.rank))
            return [self._run_backward(images[part], targets[part]) for part in parts]

        losses, logits = zip(
            *self._parts.run(len(images), compute_parts, process_group.check_any), strict=True
        )
        self._training.add(torch.cat(losses), torch.cat(logits), targets)
        process_group.add_gradients(self.module)
        self.optimizers().step()
        self._update_learning_rate()
        if self.plan.config.is_endless and process_group.check_any(self.trainer.should_stop):
            self.trainer.should_stop = True

    def _run_backward(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.module(images)
        losses = self.plan.loss.compute_per_image(logits, targets)
        self.manual_backward(losses.sum() / self.plan.batch)
        return losses.detach(), logits.detach()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradients' norm; float16 gradients are unscaled by now."""
        self.clip_gradients(
            optimizer, gradient_clip_val=_LARGEST_GRADIENT, gradient_clip_algorithm="norm"
        )

    def _update_learning_rate(self) -> None:
        schedule, *plateau = _wrap_in_list(self.lr_schedulers())
        config, total = self.plan.config, self.plan.total_steps
        if not plateau or self.global_step <= count_warmup_steps(config, total):
            schedule.step()

    def validation_step(self, batch: Batch, _: int) -> None:
        """Evaluate one batch; smoothing and class weights apply to training alone."""
        inputs, labels = convert_to_channels_last(self._prepare(batch[0])), batch[1]

        def compute_parts(parts: Sequence[slice]) -> torch.Tensor:
            return torch.cat([self.module(inputs[part]).float() for part in parts])

        logits = self._parts.run(len(inputs), compute_parts, self.process_group.check_any)
        losses = F.cross_entropy(logits, labels, reduction="none")
        self._validation.add(losses, logits, labels)

    def on_validation_epoch_end(self) -> None:
        """Record the check; report it to callbacks, loggers and the plateau schedule."""
        means = (
            *self._training.compute_means(self.process_group),
            *self._validation.compute_means(),
        )
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        agreed = zip(names, self.process_group.broadcast_from_leader(means), strict=True)
        check = Check(step=self.global_step, **dict(agreed))
        self.history.append(check)
        rate = self.optimizers().param_groups[-1]["lr"]
        told = {name: value for name, value in asdict(check).items() if name != "step"}
        self.log_dict({**told, "learning_rate": rate})
        for plateau in _wrap_in_list(self.lr_schedulers())[1:]:
            plateau.step(check.val_loss)
        self._training, self._validation = _Tally(), _Tally()

    def configure_optimizers(self) -> tuple[list[Any], list[Any]]:
        """See `train.fitting.optimisers`."""
        plan = self.plan
        optimiser = build_optimiser(self.module, plan.config)
        schedules = build_schedules(optimiser, plan.config, plan.total_steps, plan.steps_per_check)
        return [optimiser], schedules

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the state that Lightning does not know of."""
        total = self.plan.total_steps
        checkpoint[_STATE_KEY] = {
            "history": [asdict(check) for check in self.history],
            "micro_batch": self._parts.size,
            "finished": self.trainer.should_stop or self.global_step == total,
        }

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Restore what `on_save_checkpoint` saved."""
        kept = checkpoint[_STATE_KEY]
        self.history = [Check(**check) for check in kept["history"]]
        self._parts.size = kept["micro_batch"]

    def load_if_finished(self, checkpoint: Mapping[str, Any]) -> bool:
        """Load weights and history if the training had finished; otherwise return False."""
        if not checkpoint[_STATE_KEY]["finished"]:
            return False
        self.load_state_dict(checkpoint["state_dict"])
        self.on_load_checkpoint(checkpoint)
        return True


def convert_to_channels_last(images: torch.Tensor) -> torch.Tensor:
    """Convert images (n, 3, height, width) to channels last; return features unchanged."""
    return images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images


def _wrap_in_list(schedules: Any) -> list[Any]:
    return schedules if isinstance(schedules, list) else [schedules]
