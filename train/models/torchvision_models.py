"""torchvision's classification models without their last linear layer."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torchvision
from torch import nn

from data_registry.errors import WeightsError
from train.data.preprocessing import Preprocessing, parse_triple
from train.models.architectures import Architecture, build_arguments_error
from train.models.model_names import TORCHVISION


def build_torchvision_model(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> Architecture:
    """Build ``"torchvision/NAME"``, freshly initialised.

    Raises:
        WeightsError: no such model, no such arguments, or no linear layer at its end.
    """
    short = name.removeprefix(TORCHVISION)
    known = torchvision.models.list_models(module=torchvision.models)
    if short not in known:
        close = difflib.get_close_matches(short, known, n=3)
        raise WeightsError(
            f"there is no classification model {short!r} in torchvision "
            f"{torchvision.__version__}. Similar names: {', '.join(close) or 'none'}"
        )
    try:
        model = torchvision.models.get_model(short, weights=None, **model_args)
    except (TypeError, ValueError) as error:
        raise build_arguments_error(name, model_args, error) from error
    head, features = _remove_last_linear(model, name)
    return Architecture(model, (head,), features, _read_preprocessing(short, input_size))


def _remove_last_linear(model: nn.Module, name: str) -> tuple[str, int]:
    linears = [(path, layer) for path, layer in model.named_modules() if type(layer) is nn.Linear]
    if not linears:
        raise WeightsError(
            f"{name!r} does not end in a linear layer, so its features cannot be told from its "
            "head. Choose another model, for example torchvision/efficientnet_v2_s"
        )
    path, layer = linears[-1]
    model.set_submodule(path, nn.Identity())
    return path, layer.in_features


def _read_preprocessing(short: str, input_size: int | None) -> Preprocessing:
    preset = torchvision.models.get_model_weights(short).DEFAULT.transforms()
    crop = preset.crop_size[0]
    own = Preprocessing(
        height=crop,
        width=crop,
        resize_to=preset.resize_size[0],
        crop_mode="center",
        interpolation=preset.interpolation.value,
        mean=parse_triple(preset.mean),
        std=parse_triple(preset.std),
    )
    if input_size is None:
        return own
    resize_to = round(input_size * own.resize_to / crop)
    return replace(own, height=input_size, width=input_size, resize_to=resize_to)
