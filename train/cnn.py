"""The studies' plain convolutional network, trained from nothing."""

import torch
from torch import nn

DEFAULT_WIDTHS = (32, 64, 128, 256)


class PlainCnn(nn.Module):
    """Blocks of convolution, BatchNorm, ReLU and max pooling, then global average pooling.

    Args:
        widths: channels of each block; each block halves height and width.
    """

    def __init__(self, widths: tuple[int, ...] = DEFAULT_WIDTHS) -> None:
        super().__init__()
        channels = (3, *widths)
        self.blocks = nn.Sequential(
            *(_block(before, after) for before, after in zip(channels, widths, strict=False))
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.feature_count = widths[-1]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) to (n, widths[-1])."""
        features: torch.Tensor = self.pool(self.blocks(images))
        return features.flatten(1)


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )
