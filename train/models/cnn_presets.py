"""The studies' plain convolutional networks by name: ``"cnn/restaurant-batchnorm"`` and so on.

The studies tell the flowers network (TensorFlow's tutorial of that data set), the restaurant's and
the fruit's layer by layer. Of the three jellyfish networks they tell the way only: each deeper and
more regularised than the one before.
"""

from dataclasses import dataclass
from typing import Literal

Triple = tuple[float, float, float]

Normalisation = Literal["none", "after convolution", "after pool"]
_ZERO_TO_ONE: tuple[Triple, Triple] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_AS_STORED: tuple[Triple, Triple] = ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
_MINUS_ONE_TO_ONE: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True, kw_only=True)
class CnnPlan:
    """How a plain network is built.

    Attributes:
        widths: channels of each block; each block halves height and width.
        convolutions: in each block.
        batch_norm: where BatchNorm stands in a block.
        pool: ``"average"`` over the last map, or ``"flatten"`` it.
        dense: units of the layers behind the pool, each with ReLU.
        dropout: share silenced before each of those layers.
        side: of the input in pixels, unless another is asked for.
        scaling: mean and standard deviation on the scale 0-1: what is done outside the network.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    convolutions: int = 1
    batch_norm: Normalisation = "after convolution"
    pool: Literal["average", "flatten"] = "average"
    dense: tuple[int, ...] = ()
    dropout: float = 0.0
    side: int = 128
    scaling: tuple[Triple, Triple] = _MINUS_ONE_TO_ONE


PRESETS = {
    "cnn": CnnPlan(),
    "cnn/flowers": CnnPlan(
        widths=(16, 32, 64), batch_norm="none", pool="flatten", dense=(128,), dropout=0.2,
        side=180, scaling=_ZERO_TO_ONE,
    ),
    "cnn/restaurant-scaled": CnnPlan(
        batch_norm="none", dense=(50, 100), side=300, scaling=_ZERO_TO_ONE
    ),
    "cnn/restaurant-batchnorm": CnnPlan(
        batch_norm="after pool", dense=(50, 100), side=300, scaling=_AS_STORED
    ),
    "cnn/fruit": CnnPlan(
        widths=(32, 64, 128), batch_norm="none", pool="flatten", dense=(128,), dropout=0.5,
        side=224, scaling=_ZERO_TO_ONE,
    ),
    "cnn/jellyfish-v1": CnnPlan(
        widths=(32, 64, 128), batch_norm="none", pool="flatten", dense=(128,), dropout=0.5,
        side=224, scaling=_ZERO_TO_ONE,
    ),
    "cnn/jellyfish-v2": CnnPlan(
        widths=(32, 64, 128, 256), dense=(256,), dropout=0.5, side=224, scaling=_ZERO_TO_ONE
    ),
    "cnn/jellyfish-v3": CnnPlan(
        widths=(32, 64, 128, 256, 512), convolutions=2, dense=(512, 256), dropout=0.5, side=224,
        scaling=_ZERO_TO_ONE,
    ),
}  # fmt: skip
