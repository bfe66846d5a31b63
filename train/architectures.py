"""Models by name, without their classifier head and without weights."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import timm
import torch
import torchvision
from timm.data import resolve_data_config
from torch import nn

from data_registry.errors import WeightsError
from train.cnn import DEFAULT_WIDTHS, PlainCnn
from train.preprocessing import Preprocessing, from_timm_config, triple

CNN = "cnn"
TORCHVISION = "torchvision/"
_CNN_SIZE = 128


@dataclass(frozen=True)
class Architecture:
    """A model that gives features.

    Attributes:
        module: maps normalised (n, 3, height, width) to (n, feature_count).
        heads: names of the classifier layers that were taken off, as they stand in a state dict.
        feature_count: length of one feature vector.
        preprocessing: the model's own.
    """

    module: nn.Module
    heads: tuple[str, ...]
    feature_count: int
    preprocessing: Preprocessing


def build_architecture(
    name: str, model_args: Mapping[str, Any], input_size: int | None, seed: int
) -> Architecture:
    """A freshly initialised model without its head; the caller's random state is left alone.

    Args:
        name: ``"cnn"``, ``"torchvision/NAME"`` or any timm model.
        model_args: further arguments of the model's constructor.
        input_size: side in pixels, instead of the model's own.
        seed: of the initial weights.

    Raises:
        WeightsError: there is no such model, or it does not take these arguments.
    """
    build = _timm_model
    if name == CNN:
        build = _plain_cnn
    elif name.startswith(TORCHVISION):
        build = _torchvision_model
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(name, model_args, input_size)


def without_timm_head(model: Any, input_size: int | None) -> Architecture:
    """Take the classifier off a timm model."""
    config = model.pretrained_cfg
    heads = config.get("classifier") or ()
    model.reset_classifier(0)
    features = int(getattr(model, "head_hidden_size", None) or model.num_features)
    return Architecture(
        module=model,
        heads=(heads,) if isinstance(heads, str) else tuple(heads),
        feature_count=features,
        preprocessing=from_timm_config(_data_config(model, input_size)),
    )


def timm_arguments(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> dict[str, Any]:
    """`create_model` arguments; a model of fixed size is told the size that was asked for."""
    config = timm.models.get_pretrained_cfg(name)
    if input_size is not None and config is not None and config.fixed_input_size:
        return {"img_size": input_size, **model_args}
    return dict(model_args)


def _data_config(model: Any, input_size: int | None) -> dict[str, Any]:
    chosen = {} if input_size is None else {"input_size": (3, input_size, input_size)}
    config: dict[str, Any] = resolve_data_config(chosen, pretrained_cfg=model.pretrained_cfg)
    return config


def _timm_model(name: str, model_args: Mapping[str, Any], input_size: int | None) -> Architecture:
    if not timm.is_model(name):
        raise WeightsError(
            f"there is no model {name!r} in timm {timm.__version__}. {_similar(name)}"
        )
    try:
        model = timm.create_model(name, **timm_arguments(name, model_args, input_size))
    except RuntimeError as error:  # an unknown tag behind the dot
        raise WeightsError(f"timm cannot build {name!r}: {error} {_similar(name)}") from error
    except (TypeError, ValueError, AssertionError) as error:
        raise WeightsError(_bad_arguments(name, model_args, error)) from error
    return without_timm_head(model, input_size)


def _torchvision_model(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> Architecture:
    short = name.removeprefix(TORCHVISION)
    if short not in torchvision.models.list_models(module=torchvision.models):
        known = torchvision.models.list_models(module=torchvision.models)
        close = difflib.get_close_matches(short, known, n=3)
        raise WeightsError(
            f"there is no classification model {short!r} in torchvision "
            f"{torchvision.__version__}. Similar names: {', '.join(close) or 'none'}"
        )
    try:
        model = torchvision.models.get_model(short, weights=None, **model_args)
    except (TypeError, ValueError) as error:
        raise WeightsError(_bad_arguments(name, model_args, error)) from error
    head, features = _take_off_last_linear(model, name)
    return Architecture(model, (head,), features, _torchvision_preprocessing(short, input_size))


def _take_off_last_linear(model: nn.Module, name: str) -> tuple[str, int]:
    linears = [(path, layer) for path, layer in model.named_modules() if type(layer) is nn.Linear]
    if not linears:
        raise WeightsError(
            f"{name!r} does not end in a linear layer, so its features cannot be told from its "
            "head. Choose another model, for example torchvision/efficientnet_v2_s"
        )
    path, layer = linears[-1]
    model.set_submodule(path, nn.Identity())
    return path, layer.in_features


def _torchvision_preprocessing(short: str, input_size: int | None) -> Preprocessing:
    preset = torchvision.models.get_model_weights(short).DEFAULT.transforms()
    crop = preset.crop_size[0]
    own = Preprocessing(
        height=crop,
        width=crop,
        resize_to=preset.resize_size[0],
        crop_mode="center",
        interpolation=preset.interpolation.value,
        mean=triple(preset.mean),
        std=triple(preset.std),
    )
    if input_size is None:
        return own
    resize_to = round(input_size * own.resize_to / crop)
    return replace(own, height=input_size, width=input_size, resize_to=resize_to)


def _plain_cnn(name: str, model_args: Mapping[str, Any], input_size: int | None) -> Architecture:
    try:
        model = PlainCnn(tuple(model_args.get("widths", DEFAULT_WIDTHS)), **_but(model_args))
    except TypeError as error:
        raise WeightsError(_bad_arguments(name, model_args, error)) from error
    side = input_size or _CNN_SIZE
    half = (0.5, 0.5, 0.5)
    own = Preprocessing(side, side, side, "center", "bilinear", mean=half, std=half)
    return Architecture(model, (), model.feature_count, own)


def _but(model_args: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model_args.items() if name != "widths"}


def _bad_arguments(name: str, model_args: Mapping[str, Any], error: Exception) -> str:
    return (
        f"the model {name!r} does not take the arguments {dict(model_args)}: {error}. "
        "Mend model_args in the project file"
    )


def _similar(name: str) -> str:
    architecture, _, _ = name.partition(".")
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    close = tagged or difflib.get_close_matches(architecture, timm.list_models(), n=3)
    return f"Similar names: {', '.join(close) or 'none'}"
