"""Which model, with which weights: what the project file says of it; imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from data_registry.storage.json_records import refuse_unknown_keys
from train.choices import PRETRAINED, AttentionName, HeadName, LearnsName

DEFAULT_BACKBONE = "tf_efficientnetv2_s.in21k_ft_in1k"


@dataclass(frozen=True)
class BackboneSpec:
    """Which model, with which weights.

    Attributes:
        name: an alias of `train.models.model_names`, any timm model, ``"torchvision/NAME"``,
            ``"cnn"``, ``"cnn/PRESET"`` or ``"convmixer"``.
        weights: ``"pretrained"`` (from the hub or its local cache), ``"random"`` (never chosen
            for you), or the path of a .safetensors, .pth or .pt file.
        model_args: further arguments of the model's constructor.
        input_size: side in pixels instead of the model's own.
        mean, std: normalisation (scale 0-1, RGB) instead of the model's own, for weights that
            were trained with another.
        seed: of random weights.
    """

    name: str = DEFAULT_BACKBONE
    _: KW_ONLY
    weights: str = PRETRAINED
    model_args: Mapping[str, Any] = field(default_factory=dict)
    input_size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    seed: int = 0


@refuse_unknown_keys
@dataclass(frozen=True)
class ModelSpec:
    """Which model to train.

    Attributes:
        name: as in `BackboneSpec`: an alias, a timm model, ``"cnn/PRESET"`` and so on.
        weights: to start from, as in `BackboneSpec`. None stands for ``"pretrained"``, and for a
            cnn or convmixer, of which there are no pretrained weights, for ``"random"``.
        model_args: further arguments of the model's constructor.
        input_size, mean, std: instead of the model's own, as in `BackboneSpec`.
        dropout: share of features silenced before the head, and behind each dense layer.
        freeze: train the head alone (with the attention block, if there is one).
        attention: block before the last pool, see `train.models.attention`.
        head: ``"linear"``, ``"dense"`` or ``"flatten"``, see `train.models.heads`.
        head_units: of the dense layers.
        learns: ``"classes"``, or ``"groups"`` of them; tells the runs of one version apart.
    """

    name: str = DEFAULT_BACKBONE
    _: KW_ONLY
    weights: str | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    input_size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    dropout: float = 0.2
    freeze: bool = False
    attention: AttentionName = "none"
    head: HeadName = "linear"
    head_units: tuple[int, ...] = (256,)
    learns: LearnsName = "classes"

    @property
    def is_split(self) -> bool:
        """Whether something stands before the last pool or in its place."""
        return self.attention != "none" or self.head == "flatten"
