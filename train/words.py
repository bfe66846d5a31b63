"""The words that settings may be, shared with the project file; nothing heavy is imported here."""

from typing import Literal

AttentionName = Literal["none", "squeeze-excitation", "cbam"]
AugmentationName = Literal["none", "crop", "geometric", "randaugment"]
HeadName = Literal["linear", "dense", "flatten"]
OptimiserName = Literal["adamw", "sgd", "adam", "nadam", "rmsprop"]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]
SamplerName = Literal["tpe", "random"]
ScheduleName = Literal["cosine", "plateau", "step", "constant"]
WandbMode = Literal["", "offline", "online"]
