"""timm's models without their classifier."""

import difflib
from collections.abc import Mapping
from typing import Any

import timm
from timm.data import resolve_data_config

from data_registry.errors import WeightsError
from train.data.preprocessing import read_timm_config
from train.models.architectures import Architecture, build_arguments_error
from train.models.model_names import ALIASES


def build_timm_model(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> Architecture:
    """Build any timm model, freshly initialised.

    Raises:
        WeightsError: no such model or tag, or no such arguments.
    """
    if not timm.is_model(name):
        raise WeightsError(
            f"there is no model {name!r} in timm {timm.__version__}. {_suggest_names(name)}"
        )
    try:
        model = timm.create_model(name, **build_timm_arguments(name, model_args, input_size))
    except RuntimeError as error:  # an unknown tag behind the dot
        raise WeightsError(f"timm cannot build {name!r}: {error} {_suggest_names(name)}") from error
    except (TypeError, ValueError, AssertionError) as error:
        raise build_arguments_error(name, model_args, error) from error
    return remove_timm_head(model, input_size)


def remove_timm_head(model: Any, input_size: int | None) -> Architecture:
    """Take the classifier off a timm model."""
    config = model.pretrained_cfg
    heads = config.get("classifier") or ()
    model.reset_classifier(0)
    features = int(getattr(model, "head_hidden_size", None) or model.num_features)
    return Architecture(
        module=model,
        heads=(heads,) if isinstance(heads, str) else tuple(heads),
        feature_count=features,
        preprocessing=read_timm_config(_resolve_data_config(model, input_size)),
    )


def build_timm_arguments(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> dict[str, Any]:
    """Build `create_model` arguments; a model of fixed size gets the requested size."""
    config = timm.models.get_pretrained_cfg(name)
    if input_size is not None and config is not None and config.fixed_input_size:
        return {"img_size": input_size, **model_args}
    return dict(model_args)


def _resolve_data_config(model: Any, input_size: int | None) -> dict[str, Any]:
    chosen = {} if input_size is None else {"input_size": (3, input_size, input_size)}
    config: dict[str, Any] = resolve_data_config(chosen, pretrained_cfg=model.pretrained_cfg)
    return config


def _suggest_names(name: str) -> str:
    architecture, _, _ = name.partition(".")
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    known = [*timm.list_models(), *ALIASES]
    close = tagged or difflib.get_close_matches(architecture, known, n=3)
    return f"Similar names: {', '.join(close) or 'none'}"
