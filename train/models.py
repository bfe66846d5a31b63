"""Classifiers: a backbone and a head."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn

from train.architectures import CNN
from train.backbones import (
    DEFAULT_BACKBONE,
    PRETRAINED,
    RANDOM,
    Backbone,
    BackboneSpec,
    load_backbone,
)


@dataclass(frozen=True)
class ModelSpec:
    """Which model to train.

    Attributes:
        name: ``"cnn"``, any timm model, or ``"torchvision/NAME"``.
        weights: to start from, as in `BackboneSpec`. None stands for ``"pretrained"``, and for a
            cnn, of which there are no pretrained weights, for ``"random"``.
        model_args: further arguments of the model's constructor.
        input_size, mean, std: instead of the model's own, as in `BackboneSpec`.
        dropout: share of features silenced before the head.
        freeze: train the head alone, on features computed once.
    """

    name: str = DEFAULT_BACKBONE
    weights: str | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    input_size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    dropout: float = 0.2
    freeze: bool = False

    def backbone(self, seed: int) -> BackboneSpec:
        """The backbone's part of the spec; `seed` matters for random weights only."""
        usual = RANDOM if self.name == CNN else PRETRAINED
        return BackboneSpec(
            self.name,
            self.weights or usual,
            self.model_args,
            self.input_size,
            self.mean,
            self.std,
            seed,
        )


class Classifier(nn.Module):
    """Backbone, dropout, linear head. Its state dict has ``backbone.*`` and ``head.*``.

    Args:
        backbone: gives features.
        class_count: number of classes.
        dropout: share of features silenced while training.
    """

    def __init__(self, backbone: Backbone, class_count: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone.module
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(backbone.feature_count, class_count)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised (n, 3, height, width) to logits (n, class_count)."""
        return self.classify(self.backbone(images))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Features (n, d) to logits (n, class_count)."""
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
    """A model before training; its head, and random weights if asked for, come from the seed.

    Raises:
        WeightsError: see `train.backbones.load_backbone`.
    """
    backbone = load_backbone(spec.backbone(seed))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Model(Classifier(backbone, class_count, spec.dropout), backbone)


def saved_weights(classifier: Classifier) -> bytes:
    """Every weight as safetensors."""
    state = {name: value.contiguous() for name, value in classifier.state_dict().items()}
    data: bytes = save(state)
    return data


def restore_weights(classifier: Classifier, data: bytes) -> None:
    """The inverse of `saved_weights`."""
    classifier.load_state_dict(load(data))
