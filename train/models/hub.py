"""Pretrained weights from the hubs: the local cache first, and a quick error without network."""

import socket
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import huggingface_hub
import requests
import timm
import torch
import torchvision
from torch import nn

from data_registry.errors import WeightsError, describe_reason
from train.models.model_names import TORCHVISION
from train.models.timm_models import build_timm_arguments

_TIMEOUT_S = 3.0
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def load_pretrained_timm(
    name: str, model_args: Mapping[str, Any], input_size: int | None
) -> nn.Module:
    """Load a timm model with its head and the weights its name stands for.

    Raises:
        WeightsError: timm has none for this name, the hub cannot be reached, or they do not fit.
    """
    config = timm.models.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        tags = timm.list_models(f"{name.partition('.')[0]}.*", pretrained=True)
        raise WeightsError(
            f"timm has no pretrained weights for {name!r}; there are some for: "
            f"{', '.join(tags) or 'none of its variants'}"
        )
    arguments = build_timm_arguments(name, model_args, input_size)
    cached = _find_cached_file(config)
    if cached is not None:
        arguments["pretrained_cfg_overlay"] = {"file": cached}
    else:
        _require_reachable(_get_address(config), name)
    try:
        # With its own classifier timm loads strictly; without, it would leave gaps at random.
        return timm.create_model(name, pretrained=True, **arguments)  # type: ignore[no-any-return]
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        first_line = describe_reason(error).partition("\n")[0]
        raise WeightsError(
            f"the pretrained weights of {name!r} cannot be loaded: {first_line}. {_WAYS_OUT}"
        ) from error


def load_pretrained_torchvision(name: str) -> Mapping[str, torch.Tensor]:
    """Load torchvision's best published weights for a model, as a state dict with head.

    Raises:
        WeightsError: they are neither in torch's cache nor can they be downloaded.
    """
    weights = torchvision.models.get_model_weights(name.removeprefix(TORCHVISION)).DEFAULT
    if not (_get_torch_cache() / Path(weights.url).name).is_file():
        _require_reachable(weights.url, name)
    try:
        state: Mapping[str, torch.Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"the pretrained weights of {name!r} cannot be downloaded from {weights.url}: "
            f"{describe_reason(error)}. {_WAYS_OUT}"
        ) from error
    return state


_WAYS_OUT = (
    "Connect to the internet once (they are kept in a cache), or download the file elsewhere and "
    "set weights to its path; random weights are used only where the project file sets them"
)


def _find_cached_file(config: Any) -> str | None:
    if config.custom_load or not config.hf_hub_id:
        return None
    names = (config.hf_hub_filename,) if config.hf_hub_filename else _HUB_FILES
    for name in names:
        found = huggingface_hub.try_to_load_from_cache(config.hf_hub_id, name)
        if isinstance(found, str):
            return found
    return None


def _get_address(config: Any) -> str:
    if config.hf_hub_id:
        return str(huggingface_hub.constants.ENDPOINT)
    return str(config.url)


def _require_reachable(address: str, name: str) -> None:
    """Ask the hub once, briefly: its client retries for 47 s where there is no network."""
    try:
        requests.head(address, timeout=_TIMEOUT_S).close()
    except (requests.RequestException, socket.gaierror) as error:
        raise WeightsError(
            f"the pretrained weights of {name!r} are not in the local cache and {address} cannot "
            f"be reached ({type(error).__name__}). {_WAYS_OUT}"
        ) from error


def _get_torch_cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"
