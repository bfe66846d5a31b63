"""The values that settings may have, shared with the project file; imports nothing heavy."""

from typing import Literal

PRETRAINED = "pretrained"  # weights from the hub, or its local cache
RANDOM = "random"  # weights that nobody trained
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt")
SEEDS = (0, 1, 2)  # of the runs of each arm

AttentionName = Literal["none", "squeeze-excitation", "cbam"]
AugmentationName = Literal["none", "crop", "geometric", "randaugment"]
HeadName = Literal["linear", "dense", "flatten"]
LearnsName = Literal["classes", "groups"]
OptimiserName = Literal["adamw", "sgd", "adam", "nadam", "rmsprop"]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]
RankName = Literal[
    "accuracy", "balanced accuracy", "macro F1", "log-loss", "calibration error", "milliseconds",
    "train seconds", "parameters", "size",
]  # fmt: skip
SamplerName = Literal["tpe", "random"]
ScheduleName = Literal["cosine", "plateau", "step", "constant"]
WandbMode = Literal["", "offline", "online"]
