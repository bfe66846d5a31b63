"""A model opened before its last pool: attention goes in there, or the map is flattened."""

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import nn

from data_registry.errors import WeightsError
from train.models.attention import ChannelsLastAttention, TokenAttention, build_attention
from train.models.backbones import Backbone

NO_ATTENTION = "none"


class SplitBackbone(nn.Module):
    """A body, an attention block on its map, and the body's own pool.

    Args:
        body: with timm's `forward_features` and `forward_head`.
        attention: on what `forward_features` gives.
    """

    # Part of the fingerprint in stored cards: it stays when the class gets another name.
    fingerprint_word: ClassVar[str] = "takenapart"

    def __init__(self, body: nn.Module, attention: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.attention = attention

    def compute_maps(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised (n, 3, height, width) to the weighted map, in the body's own layout."""
        weighed: torch.Tensor = self.attention(self.body.forward_features(images))  # type: ignore[operator]
        return weighed

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised (n, 3, height, width) to features (n, d)."""
        features: torch.Tensor = self.body.forward_head(self.compute_maps(images), pre_logits=True)  # type: ignore[operator]
        return features


class FlattenedBackbone(SplitBackbone):
    """The same, but the map is flattened instead of pooled."""

    fingerprint_word: ClassVar[str] = "flattened"

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised (n, 3, height, width) to features (n, c * h * w)."""
        maps = self.compute_maps(images)
        # ConvNeXt and similar models normalise after the pool; unpooled maps need it too.
        norm = getattr(getattr(self.body, "head", None), "norm", None)
        return (maps if norm is None else norm(maps)).flatten(1)


def split_backbone(backbone: Backbone, attention: str, *, ending: type[SplitBackbone]) -> Backbone:
    """Put an attention block before a backbone's last pool, or flatten the map in its place.

    Args:
        backbone: as `load_backbone` returns it; its module becomes part of the new one.
        attention: ``"none"``, ``"squeeze-excitation"`` or ``"cbam"``, freshly initialised from
            the present random state.
        ending: `SplitBackbone` keeps the body's own pool, `FlattenedBackbone` does without.

    Raises:
        WeightsError: the model cannot be opened, or there is no such block.
    """
    body = backbone.module
    maps = _compute_example_maps(backbone)
    block = (
        nn.Identity()
        if attention == NO_ATTENTION
        else _build_matching_attention(attention, body, maps)
    )
    module = ending(body, block).eval()
    with torch.no_grad():
        count = module(_make_blank_image(backbone)).shape[1]
    return replace(
        backbone,
        module=module,
        feature_count=count,
        fingerprint=f"{backbone.fingerprint}-{attention}-{ending.fingerprint_word}".lower(),
    )


def _compute_example_maps(backbone: Backbone) -> torch.Tensor:
    body: Any = backbone.module
    if not hasattr(body, "forward_features") or not hasattr(body, "forward_head"):
        raise WeightsError(
            f"{backbone.name!r} cannot be opened before its last pool, so it takes neither an "
            'attention block nor the head "flatten". timm\'s model of the same kind can: leave '
            'out "torchvision/"'
        )
    if getattr(body, "global_pool", None) == "token":
        body.reset_classifier(0, "avg")  # the class token does not depend on the weighted patches
    with torch.no_grad():
        maps: torch.Tensor = body.forward_features(_make_blank_image(backbone))
    return maps


def _make_blank_image(backbone: Backbone) -> torch.Tensor:
    size = backbone.preprocessing
    return torch.zeros(1, 3, size.height, size.width)


def _build_matching_attention(attention: str, body: nn.Module, maps: torch.Tensor) -> nn.Module:
    if maps.ndim == 3:
        block = build_attention(attention, maps.shape[2])
        return TokenAttention(block, int(getattr(body, "num_prefix_tokens", 0)))
    if getattr(body, "output_fmt", "NCHW") == "NHWC":
        return ChannelsLastAttention(build_attention(attention, maps.shape[3]))
    return build_attention(attention, maps.shape[1])
