"""Models that are always trained from scratch: plain networks and ConvMixer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args, get_type_hints

from timm.models.convmixer import ConvMixer

from data_registry.errors import WeightsError
from train.data.preprocessing import Preprocessing
from train.models.architectures import Architecture, build_arguments_error
from train.models.cnn import PlainCnn
from train.models.cnn_presets import PRESETS, CnnPlan

_CONVMIXER_SIDE = 224
_CONVMIXER = {"dim": 256, "depth": 8, "kernel": 5, "patch": 8}  # the paper's for small images
_HALF = (0.5, 0.5, 0.5)


def build_plain_cnn(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> Architecture:
    """Build a preset of `train.models.cnn_presets`; `model_args` may change its fields.

    Raises:
        WeightsError: no such preset, or no such field or value.
    """
    if name not in PRESETS:
        raise WeightsError(
            f"there is no plain network {name!r}; expected one of {', '.join(PRESETS)}"
        )
    try:
        plan = _check_plan(
            replace(PRESETS[name], **{k: _convert_lists(v) for k, v in model_args.items()})
        )
        side = input_size or plan.side
        if side < 2 ** len(plan.widths):
            raise ValueError(f"{len(plan.widths)} blocks leave nothing of {side} pixels")
        model = PlainCnn(plan, side)
    except (TypeError, ValueError, RuntimeError) as error:
        raise build_arguments_error(name, model_args, error) from error
    mean, std = plan.scaling
    own = Preprocessing(
        height=side,
        width=side,
        resize_to=side,
        crop_mode="center",
        interpolation="bilinear",
        mean=mean,
        std=std,
    )
    return Architecture(model, (), model.head_hidden_size, own)


def build_conv_mixer(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> Architecture:
    """Build ConvMixer (Trockman and Kolter 2022) by dim, depth, kernel and patch.

    Raises:
        WeightsError: other arguments than those.
    """
    numbers = {**_CONVMIXER, **model_args}
    try:
        model = ConvMixer(
            dim=numbers.pop("dim"),
            depth=numbers.pop("depth"),
            kernel_size=numbers.pop("kernel"),
            patch_size=numbers.pop("patch"),
            num_classes=0,
            **numbers,
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise build_arguments_error(name, model_args, error) from error
    side = input_size or _CONVMIXER_SIDE
    own = Preprocessing(
        height=side,
        width=side,
        resize_to=side,
        crop_mode="center",
        interpolation="bicubic",
        mean=_HALF,
        std=_HALF,
    )
    return Architecture(model, (), int(model.head_hidden_size), own)


def _check_plan(plan: CnnPlan) -> CnnPlan:
    hints = get_type_hints(CnnPlan)
    for field in ("batch_norm", "pool"):
        words = get_args(hints[field])
        if getattr(plan, field) not in words:
            raise ValueError(f"{field} is one of {', '.join(words)}")
    return plan


def _convert_lists(value: Any) -> Any:
    return (
        tuple(_convert_lists(item) for item in value) if isinstance(value, list | tuple) else value
    )
