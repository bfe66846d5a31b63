"""Attention blocks on a feature map: they weight its channels, CBAM its positions too."""

import math
from collections.abc import Callable, Mapping
from typing import get_args

import torch
from torch import nn
from torchvision.ops import SqueezeExcitation

from data_registry.errors import WeightsError
from train.choices import AttentionName

_REDUCTION = 8  # the fruit study's
_LEAST_CHANNELS = 1
_CBAM_REDUCTION = 16  # the paper's
_CBAM_KERNEL = 7


class Cbam(nn.Module):
    """The Convolutional Block Attention Module (Woo et al. 2018): channels first, then positions.

    timm's own is made for the inside of residual blocks; this one is the paper's.

    Args:
        channels: of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // _CBAM_REDUCTION, _LEAST_CHANNELS)
        self.channels = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )
        self.places = nn.Conv2d(2, 1, _CBAM_KERNEL, padding=_CBAM_KERNEL // 2, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Weight a map (n, channels, h, w); the shape stays."""
        mean, most = maps.mean((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
        maps = maps * (self.channels(mean) + self.channels(most)).sigmoid()
        where = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], dim=1)
        weighed: torch.Tensor = maps * self.places(where).sigmoid()
        return weighed


def build_squeeze_excitation(channels: int) -> nn.Module:
    """Build global average, dense C/8, ReLU, dense C, sigmoid, multiply (Hu et al. 2018)."""
    hidden = max(channels // _REDUCTION, _LEAST_CHANNELS)
    block: nn.Module = SqueezeExcitation(channels, hidden)
    return block


_BLOCKS: Mapping[str, Callable[[int], nn.Module]] = {
    "none": lambda _: nn.Identity(),
    "squeeze-excitation": build_squeeze_excitation,
    "cbam": Cbam,
}


def build_attention(kind: str, channels: int) -> nn.Module:
    """Build a block for maps (n, channels, h, w).

    Raises:
        WeightsError: there is no such block.
    """
    if kind not in _BLOCKS:
        known = ", ".join(get_args(AttentionName))
        raise WeightsError(f"there is no attention block {kind!r}; expected one of {known}")
    return _BLOCKS[kind](channels)


class TokenAttention(nn.Module):
    """An attention block on the patch tokens (n, prefix + h * w, channels) of a transformer.

    Args:
        block: for maps.
        prefix: tokens before the patches, such as the class token; they are left alone.
    """

    def __init__(self, block: nn.Module, prefix: int) -> None:
        super().__init__()
        self.block = block
        self._prefix = prefix

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Weight the patches; the shape stays."""
        patches = tokens[:, self._prefix :]
        side = math.isqrt(patches.shape[1])
        maps = self.block(patches.transpose(1, 2).reshape(len(tokens), -1, side, side))
        return torch.cat([tokens[:, : self._prefix], maps.flatten(2).transpose(1, 2)], dim=1)


class ChannelsLastAttention(nn.Module):
    """An attention block on maps (n, h, w, channels)."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Weight the map; the shape stays."""
        weighed: torch.Tensor = self.block(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return weighed
