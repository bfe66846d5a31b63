"""Backbones: models without a head that turn photos into feature vectors."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from data_registry.errors import WeightsError
from train.choices import PRETRAINED, RANDOM
from train.data.preprocessing import Preprocessing
from train.models.architectures import Architecture
from train.models.building import build_architecture
from train.models.hub import load_pretrained_timm, load_pretrained_torchvision
from train.models.model_names import TORCHVISION, has_no_pretrained_weights, resolve_name
from train.models.state import fit_state, read_state
from train.models.timm_models import remove_timm_head
from train.specs import BackboneSpec


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A model without head, in evaluation mode.

    Attributes:
        name: as in the spec, an alias resolved.
        module: maps normalised float32 (n, 3, height, width) to (n, feature_count).
        feature_count: length of one feature vector.
        preprocessing: the model's own, or what the spec put in its place.
        fingerprint: SHA-256 over weights, name, arguments and preprocessing. Features of equal
            fingerprint may be compared.
    """

    name: str
    module: nn.Module = field(repr=False)
    feature_count: int
    preprocessing: Preprocessing
    fingerprint: str


def load_backbone(spec: BackboneSpec) -> Backbone:
    """Build the model and give it its weights.

    Raises:
        WeightsError: unknown model, unreachable hub, or weights that do not fit. Random weights
            are never put in their place.
    """
    spec = replace(spec, name=resolve_name(spec.name))
    architecture = _build_with_weights(spec)
    own = architecture.preprocessing
    preprocessing = replace(own, mean=spec.mean or own.mean, std=spec.std or own.std)
    return Backbone(
        name=spec.name,
        module=architecture.module.eval(),
        feature_count=architecture.feature_count,
        preprocessing=preprocessing,
        fingerprint=_compute_fingerprint(spec, architecture.module, preprocessing),
    )


def _build_with_weights(spec: BackboneSpec) -> Architecture:
    fresh = build_architecture(spec.name, spec.model_args, spec.input_size, spec.seed)
    if spec.weights == RANDOM:
        return fresh
    if spec.weights != PRETRAINED:
        fit_state(fresh.module, fresh.heads, read_state(Path(spec.weights)), spec.weights)
        return fresh
    if has_no_pretrained_weights(spec.name):
        raise WeightsError(
            f'there are no pretrained weights for "{spec.name}": name a path, or set '
            'weights = "random"'
        )
    if spec.name.startswith(TORCHVISION):
        fit_state(fresh.module, fresh.heads, load_pretrained_torchvision(spec.name), "torchvision")
        return fresh
    model = load_pretrained_timm(spec.name, spec.model_args, spec.input_size)
    return remove_timm_head(model, spec.input_size)


def _compute_fingerprint(
    spec: BackboneSpec, module: nn.Module, preprocessing: Preprocessing
) -> str:
    digest = hashlib.sha256()
    facts = [spec.name, dict(spec.model_args), asdict(preprocessing)]
    digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
