"""Classifiers: a backbone and a head."""

from dataclasses import dataclass, fields

import torch
from safetensors.torch import load, save
from torch import nn

from train.choices import PRETRAINED, RANDOM
from train.models.backbones import Backbone, load_backbone
from train.models.heads import FLATTEN, build_head
from train.models.model_names import has_no_pretrained_weights, resolve_name
from train.models.split_backbone import (
    FlattenedBackbone,
    SplitBackbone,
    split_backbone,
)
from train.specs import BackboneSpec, ModelSpec


def build_backbone_spec(spec: ModelSpec, seed: int) -> BackboneSpec:
    """Build the backbone's part of a model's spec; `seed` matters for random weights only."""
    usual = RANDOM if has_no_pretrained_weights(resolve_name(spec.name)) else PRETRAINED
    shared = {item.name for item in fields(BackboneSpec)} & {item.name for item in fields(spec)}
    taken = {name: getattr(spec, name) for name in shared}
    return BackboneSpec(**{**taken, "weights": spec.weights or usual, "seed": seed})


class Classifier(nn.Module):
    """Backbone, dropout, head. Its state dict has ``backbone.*`` and ``head.*``.

    Args:
        backbone: gives features; with an attention block it is a `SplitBackbone`.
        head: maps features (n, d) to logits.
        class_count: number of classes.
        dropout: share of features silenced while training.
    """

    def __init__(
        self, backbone: nn.Module, head: nn.Module, class_count: int, dropout: float
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.head = head
        self.class_count = class_count

    @property
    def body(self) -> nn.Module:
        """The part that freezing keeps as it is: what pretrained weights are for."""
        inner = self.backbone
        return inner.body if isinstance(inner, SplitBackbone) else inner

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised (n, 3, height, width) to logits (n, class_count)."""
        return self.classify(self.backbone(images))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Classify features (n, d) to logits (n, class_count)."""
        logits: torch.Tensor = self.head(self.dropout(features))
        return logits


@dataclass(frozen=True)
class Model:
    """A classifier with what belongs to it.

    Attributes:
        classifier: backbone and head.
        backbone: the part without head; its fingerprint tells the weights training began with.
    """

    classifier: Classifier
    backbone: Backbone

    @property
    def parameter_count(self) -> int:
        """Number of weights, trained or not."""
        return sum(weights.numel() for weights in self.classifier.parameters())


def build_model(spec: ModelSpec, class_count: int, seed: int = 0) -> Model:
    """Build a model before training; head and random weights are drawn from the seed.

    Raises:
        WeightsError: see `train.models.backbones.load_backbone`; or there is no such attention
            block or head, or the model takes none.
    """
    backbone = load_backbone(build_backbone_spec(spec, seed))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if spec.is_split:
            ending = FlattenedBackbone if spec.head == FLATTEN else SplitBackbone
            backbone = split_backbone(backbone, spec.attention, ending=ending)
        count = backbone.feature_count
        head = build_head(spec.head, count, class_count, spec.head_units, spec.dropout)
        return Model(Classifier(backbone.module, head, class_count, spec.dropout), backbone)


def dump_weights(classifier: Classifier) -> bytes:
    """Dump every weight as safetensors."""
    state = {name: value.contiguous() for name, value in classifier.state_dict().items()}
    data: bytes = save(state)
    return data


def restore_weights(classifier: Classifier, data: bytes) -> None:
    """Load what `dump_weights` returned."""
    classifier.load_state_dict(load(data))
