"""A model that computes features, and the error for one that cannot be built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from data_registry.errors import WeightsError
from train.data.preprocessing import Preprocessing


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


def build_arguments_error(name: str, model_args: Mapping[str, Any], error: object) -> WeightsError:
    """Build the error for `model_args` that a model's constructor does not take."""
    return WeightsError(
        f"the model {name!r} does not take the arguments {dict(model_args)}: {error}. "
        "Correct model_args in the project file"
    )
