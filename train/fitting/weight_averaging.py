"""A running mean of the weights, which is checked and kept in place of the weights themselves."""

import torch
from lightning.pytorch.callbacks import WeightAveraging


class RunningMean(WeightAveraging):  # type: ignore[misc]
    """Lightning's weight averaging with an exponential mean that forgets quickly at first.

    With a constant decay of 0.999 the random beginning would still have half a say after 700
    steps; so the n-th step has decay (1 + n) / (10 + n) until that is more, as in TensorFlow's
    ExponentialMovingAverage.

    Args:
        decay: share of the mean that a step leaves as it was, later on.
    """

    def __init__(self, decay: float) -> None:
        def average_weights(
            averaged: torch.Tensor, current: torch.Tensor, count: torch.Tensor | int
        ) -> torch.Tensor:
            keep = min(decay, (1 + int(count)) / (10 + int(count)))
            return keep * averaged + (1 - keep) * current

        super().__init__(use_buffers=True, avg_fn=average_weights)
