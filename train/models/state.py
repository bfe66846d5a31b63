"""State dicts: reading them from files and fitting them to a model, strictly."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from data_registry.errors import WeightsError, describe_reason
from train.weights_files import require_weights_file

State = Mapping[str, torch.Tensor]

RUN_BACKBONE = "backbone."  # how `train.models.models.Classifier` names its parts
RUN_HEAD = "head."
RUN_BODY = "body."  # as `train.models.split_backbone.SplitBackbone` names it
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_WRAPPING_PREFIXES = ("module.", "_orig_mod.")
_NAMES_SHOWN = 4


def read_state(path: Path) -> State:
    """Read the tensors of a .safetensors, .pth or .pt file; never execute anything in it.

    Raises:
        WeightsError: the file is missing, of another kind, broken, or holds more than tensors.
    """
    require_weights_file(path)
    try:
        loaded = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # stray bytes end torch's restricted unpickler in many ways
        first_line = describe_reason(error).partition("\n")[0]
        raise WeightsError(
            f"{path} cannot be read as tensors ({type(error).__name__}: {first_line}). Save it "
            "again with torch.save(model.state_dict(), path) or as safetensors"
        ) from error
    return _extract_tensors(loaded, path)


def _extract_tensors(loaded: object, path: Path) -> State:
    if isinstance(loaded, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(loaded.get(wrapper), Mapping):
                return _extract_tensors(loaded[wrapper], path)
        if loaded and all(isinstance(value, torch.Tensor) for value in loaded.values()):
            return _strip_prefixes(loaded)
    raise WeightsError(
        f"{path} holds {type(loaded).__name__}, not the tensors of a state dict. Save it again "
        "with torch.save(model.state_dict(), path)"
    )


def _strip_prefixes(state: State) -> State:
    for prefix in _WRAPPING_PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def fit_state(module: nn.Module, heads: tuple[str, ...], state: State, origin: str) -> None:
    """Load `state` into `module`; only the layers named in `heads` may be there or not.

    A run's own file fits as well: its head, and its attention block, are left out.

    Raises:
        WeightsError: names what is missing, too much or of another shape.
    """
    if all(name.startswith((RUN_BACKBONE, RUN_HEAD)) for name in state):
        state = {
            name.removeprefix(RUN_BACKBONE): value
            for name, value in state.items()
            if name.startswith(RUN_BACKBONE)
        }
        state = _select_body(state)
    prefixes = tuple(f"{head}." for head in heads)
    body = {name: value for name, value in state.items() if not name.startswith(prefixes)}
    load_exactly(module, body, origin)


def load_exactly(module: nn.Module, state: State, origin: str) -> None:
    """Load `state` into `module`, which must have the same names and shapes.

    Raises:
        WeightsError: names what is missing, too much or of another shape.
    """
    wrong = _list_misfits(module.state_dict(), state)
    if wrong:
        raise WeightsError(
            f"the weights of {origin} do not fit the model: {'; '.join(wrong)}. "
            "Check the model's name and its model_args against those it was trained with"
        )
    module.load_state_dict(state, strict=False)  # strictness was just checked, with better words


def _select_body(state: State) -> State:
    """Select the body of a run with an attention block."""
    if not any(name.startswith(RUN_BODY) for name in state):
        return state
    return {
        name.removeprefix(RUN_BODY): value
        for name, value in state.items()
        if name.startswith(RUN_BODY)
    }


def _list_misfits(expected: State, given: State) -> list[str]:
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = [name for name in expected if name not in given and name not in counters]
    unexpected = [name for name in given if name not in expected]
    reshaped = [
        f"{name} is {_format_shape(given[name])} instead of {_format_shape(expected[name])}"
        for name in expected
        if name in given and given[name].shape != expected[name].shape
    ]
    found = (("missing", missing), ("not in the model", unexpected), ("wrong shape", reshaped))
    return [f"{len(names)} {what} ({_format_names(names)})" for what, names in found if names]


def _format_shape(tensor: torch.Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a number"


def _format_names(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
