"""Classifier heads: from features (n, d) to logits (n, classes)."""

from collections.abc import Iterator, Sequence
from typing import get_args

from torch import nn

from data_registry.errors import WeightsError
from train.choices import HeadName

FLATTEN = "flatten"
_DENSE = "dense"


def build_head(
    kind: str, feature_count: int, class_count: int, units: Sequence[int], dropout: float
) -> nn.Module:
    """Build a fresh head; the softmax belongs to the loss and to prediction.

    Args:
        kind: ``"linear"``; ``"dense"``: layers of `units` with ReLU and dropout before it; or
            ``"flatten"``: linear on the flattened map, see
            `train.models.split_backbone.FlattenedBackbone`.
        feature_count: d.
        class_count: number of classes.
        units: of the dense layers.
        dropout: share silenced behind each dense layer.

    Raises:
        WeightsError: there is no such head.
    """
    if kind not in get_args(HeadName):
        raise WeightsError(
            f"there is no head {kind!r}; expected one of {', '.join(get_args(HeadName))}"
        )
    if kind == _DENSE:
        return nn.Sequential(*_build_dense_layers(feature_count, class_count, units, dropout))
    return nn.Linear(feature_count, class_count)


def _build_dense_layers(
    before: int, after: int, units: Sequence[int], dropout: float
) -> Iterator[nn.Module]:
    for count in units:
        yield from (nn.Linear(before, count), nn.ReLU(), nn.Dropout(dropout))
        before = count
    yield nn.Linear(before, after)
