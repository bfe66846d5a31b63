"""The studies' plain convolutional network, trained from scratch."""

from collections.abc import Iterator

import torch
from torch import nn

from train.models.cnn_presets import CnnPlan


class PlainCnn(nn.Module):
    """Blocks of convolution, ReLU and max pooling; then a pool, and dense layers if planned.

    Args:
        plan: widths, normalisation, pool, dense layers.
        side: of the input in pixels; a flattened map's length follows from it.
    """

    def __init__(self, plan: CnnPlan, side: int) -> None:
        super().__init__()
        channels = (3, *plan.widths)
        pairs = zip(channels, plan.widths, strict=False)
        self.blocks = nn.Sequential(*(_build_block(before, after, plan) for before, after in pairs))
        self.pool = nn.Flatten() if plan.pool == "flatten" else _build_average_pool()
        self.num_features = plan.widths[-1]
        rest = side // 2 ** len(plan.widths)
        pooled = plan.widths[-1] * (rest**2 if plan.pool == "flatten" else 1)
        self.dense = nn.Sequential(*_build_dense_layers(pooled, plan))
        self.head_hidden_size = plan.dense[-1] if plan.dense else pooled

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, height, width) to the last pool's map (n, widths[-1], h, w)."""
        maps: torch.Tensor = self.blocks(images)
        return maps

    def forward_head(self, maps: torch.Tensor, pre_logits: bool = True) -> torch.Tensor:
        """Map that map to features (n, d); timm's argument `pre_logits` is always true here."""
        features: torch.Tensor = self.dense(self.pool(maps))
        return features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, height, width) to (n, d)."""
        return self.forward_head(self.forward_features(images))


def _build_block(before: int, after: int, plan: CnnPlan) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(plan.convolutions):
        inside = plan.batch_norm == "after convolution"
        layers.append(
            nn.Conv2d(before if number == 0 else after, after, 3, padding=1, bias=not inside)
        )
        layers += [nn.BatchNorm2d(after)] if inside else []
        layers.append(nn.ReLU(inplace=True))
    layers.append(nn.MaxPool2d(2))
    layers += [nn.BatchNorm2d(after)] if plan.batch_norm == "after pool" else []
    return nn.Sequential(*layers)


def _build_average_pool() -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _build_dense_layers(before: int, plan: CnnPlan) -> Iterator[nn.Module]:
    for units in plan.dense:
        yield nn.Sequential(nn.Dropout(plan.dropout), nn.Linear(before, units), nn.ReLU())
        before = units
