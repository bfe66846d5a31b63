"""What a model expects of its pixels: size, cropping, interpolation and normalisation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from timm.data.transforms import CenterCropOrPad, ResizeKeepRatio
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as pixel_functions

from data_registry.storage.json_records import refuse_unknown_keys

PixelArray = npt.NDArray[np.uint8]

# What a JPEG decoder shrinks is a little sharper than what a filter shrinks. If a filter still has
# a fifth to do, MobileNetV2's features keep a cosine of 0.9975 on average, 0.995 at least, with
# those of all pixels (158 photographs of 512 pixels a side); with nothing to do, 0.979 and 0.951.
_LEAST_SHRINKING = 1.25


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a model's input is made from an upright RGB image.

    Attributes:
        height, width: the input's size in pixels.
        resize_to: length in pixels of the shorter side before the centre crop.
        crop_mode: ``"center"`` (resize the shorter side, crop), ``"squash"`` (resize both sides
            without keeping the ratio) or ``"border"`` (resize the longer side, pad): timm's words.
        interpolation: Pillow's filter in torchvision's spelling, for example ``"bicubic"``.
        mean, std: a channel's normalisation on the scale 0-1, RGB.
    """

    height: int
    width: int
    resize_to: int
    crop_mode: str
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def least_side(self) -> int:
        """Shorter side in pixels that decoding must leave; see `images.pixels.decode`."""
        wanted = self.resize_to if self.crop_mode == "center" else max(self.height, self.width)
        return math.ceil(_LEAST_SHRINKING * wanted)

    def resize_and_crop(self, image: Image.Image) -> PixelArray:
        """Resize and crop an image: uint8 (3, height, width), not normalised."""
        filter_name = InterpolationMode(self.interpolation)
        size = [self.height, self.width]
        if self.crop_mode == "squash":
            shaped = pixel_functions.resize(image, size, filter_name)
        elif self.crop_mode == "border":
            longest = ResizeKeepRatio(size, longest=1.0, interpolation=self.interpolation)(image)
            shaped = CenterCropOrPad(size)(longest)
        else:
            resized = pixel_functions.resize(image, [self.resize_to], filter_name)
            shaped = pixel_functions.center_crop(resized, size)
        return np.ascontiguousarray(np.asarray(shaped, dtype=np.uint8).transpose(2, 0, 1))

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalise uint8 (n, 3, height, width) to the float32 that the model expects."""
        mean = torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1) * 255
        std = torch.tensor(self.std, device=pixels.device).view(1, 3, 1, 1) * 255
        return (pixels.float() - mean) / std


def read_timm_config(config: Mapping[str, Any]) -> Preprocessing:
    """Read the keys of timm's `resolve_data_config`."""
    _, height, width = config["input_size"]
    return Preprocessing(
        height=height,
        width=width,
        resize_to=math.floor(min(height, width) / config["crop_pct"]),
        crop_mode=config["crop_mode"],
        interpolation=config["interpolation"],
        mean=parse_triple(config["mean"]),
        std=parse_triple(config["std"]),
    )


def parse_triple(values: Any) -> tuple[float, float, float]:
    """Parse three numbers, one for each channel."""
    red, green, blue = (float(value) for value in values)
    return red, green, blue
