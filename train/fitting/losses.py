"""The loss of training: cross-entropy of hard or soft labels, weighed by class, mixed by batch."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torchvision.transforms import v2

from data_registry.arrays import Float32Array

Targets = npt.NDArray[np.int64] | Float32Array


class TrainingLoss(Protocol):
    """What a training may minimise."""

    def compute_per_image(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Compute (n,) losses of logits (n, classes)."""


@dataclass(frozen=True)
class CrossEntropyLoss:
    """What a training minimises.

    Attributes:
        class_weights: (classes,) or None.
        label_smoothing: 0 to 1.
    """

    class_weights: torch.Tensor | None
    label_smoothing: float

    def compute_per_image(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Compute (n,) losses of logits (n, classes).

        The mean over images is their sum over n, not over the batch's class weights: so parts of
        a batch add up to the whole, and a rare class has the same weight in every batch.

        Args:
            logits: (n, classes).
            targets: class indices (n,), or probabilities (n, classes).
        """
        weights = self.class_weights
        return F.cross_entropy(
            logits.float(),
            targets,
            weight=None if weights is None else weights.to(logits.device),
            label_smoothing=self.label_smoothing,
            reduction="none",
        )


def compute_class_weights(labels: Targets, class_count: int) -> torch.Tensor:
    """Compute weights (classes,) inverse to the number of images; their mean over images is 1.

    Args:
        labels: class indices (n,), or probabilities (n, classes), of which each image gives 1.
        class_count: number of classes.
    """
    counts = labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=class_count)
    present = counts > 0
    weights = np.where(present, len(labels) / (present.sum() * np.where(present, counts, 1)), 0.0)
    return torch.tensor(weights, dtype=torch.float32)


class Mixing:
    """mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019), torchvision's.

    Args:
        mixup, cutmix: the alpha of each, 0 for none.
        class_count: number of classes.
    """

    def __init__(self, mixup: float, cutmix: float, class_count: int) -> None:
        ways = ((v2.MixUp, mixup), (v2.CutMix, cutmix))
        self._ways = [way(alpha=alpha, num_classes=class_count) for way, alpha in ways if alpha > 0]

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mix images (n, 3, h, w) and their hard or soft targets; the new targets are soft."""
        if not self._ways:
            return images, targets
        chosen = int(torch.randint(len(self._ways), ()))
        mixed: tuple[torch.Tensor, torch.Tensor] = self._ways[chosen](images, targets)
        return mixed
