"""The registry of builders: models by name, without their classifier head and without weights."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from train.models.architectures import Architecture
from train.models.model_names import CNN, CONVMIXER, TORCHVISION
from train.models.own_models import build_conv_mixer, build_plain_cnn
from train.models.timm_models import build_timm_model
from train.models.torchvision_models import build_torchvision_model

Builder = Callable[[str, Mapping[str, Any], int | None], Architecture]

BUILDERS: Mapping[str, Builder] = {
    CNN: build_plain_cnn,
    CONVMIXER: build_conv_mixer,
    TORCHVISION.rstrip("/"): build_torchvision_model,
}


def build_architecture(
    name: str, model_args: Mapping[str, Any], input_size: int | None, seed: int
) -> Architecture:
    """Build a freshly initialised model without head; keep the caller's random state.

    Args:
        name: ``"cnn"`` or ``"cnn/PRESET"``, ``"convmixer"``, ``"torchvision/NAME"``, else a timm
            model.
        model_args: further arguments of the model's constructor.
        input_size: side in pixels, instead of the model's own.
        seed: of the initial weights.

    Raises:
        WeightsError: there is no such model, or it does not take these arguments.
    """
    build = BUILDERS.get(name.partition("/")[0], build_timm_model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(name, model_args, input_size)
