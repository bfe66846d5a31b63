"""Distillation: a small model learns a larger one's probabilities, not the class alone.

Source: G. Hinton, O. Vinyals, J. Dean (2015), Distilling the Knowledge in a Neural Network.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from data_registry.arrays import Float32Array
from train.data.dataset import Labels
from train.fitting.losses import CrossEntropyLoss

_LEAST = 1e-12  # of a probability, before its logarithm


@dataclass(frozen=True)
class SoftTargets:
    """A teacher's probabilities for n training images.

    Attributes:
        probabilities: float32 (n, classes), in the order of the training images.
        temperature: above 1 gives the other classes more weight.
        share: share of the loss that compares with the teacher; the rest compares with the labels.
    """

    probabilities: Float32Array = field(repr=False)
    temperature: float
    share: float

    def build_targets(self, labels: Labels) -> Float32Array:
        """Join one-hot labels and the teacher's softened probabilities: (n, 2 * classes)."""
        logits = np.log(np.maximum(self.probabilities, _LEAST)) / self.temperature
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        soft = raised / raised.sum(axis=1, keepdims=True)
        hard = np.eye(self.probabilities.shape[1])[labels]
        return np.concatenate([hard, soft], axis=1).astype(np.float32)


@dataclass(frozen=True)
class DistillationLoss:
    """The weighted sum of the labels' loss and the teacher's.

    Attributes:
        own: loss of the labels.
        temperature, share: see `SoftTargets`.
    """

    own: CrossEntropyLoss
    temperature: float
    share: float

    def compute_per_image(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Compute (n,) losses of logits (n, classes); see `SoftTargets.build_targets`.

        The teacher's part is the divergence of the softened probabilities times the square of the
        temperature, so that its gradients have the same size at every temperature.
        """
        hard, soft = targets.chunk(2, dim=1)
        said = F.log_softmax(logits.float() / self.temperature, dim=1)
        apart = F.kl_div(said, soft, reduction="none").sum(dim=1) * self.temperature**2
        return (1 - self.share) * self.own.compute_per_image(logits, hard) + self.share * apart
