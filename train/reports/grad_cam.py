"""Grad-CAM: which part of a photo speaks for a class, by the last convolution.

Source: R. R. Selvaraju et al. (2017), ICCV. Written out here because the package grad-cam brings
OpenCV, and a helper that has not been maintained since 2020, for these few lines.
"""

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from data_registry.arrays import Float32Array
from train.data.preprocessing import PixelArray, Preprocessing
from train.models.models import Classifier

_STRONGEST = 0.65  # how much of a pixel the warmest colour covers
NO_MAP = (
    "This model has no convolution whose map could be shown: it cuts the photo into patches once, "
    "and later layers mix them all. Its attention says what was looked at, but not for which "
    "class, so none is shown."
)


def find_last_convolution(classifier: Classifier, preprocessing: Preprocessing) -> nn.Conv2d | None:
    """Find the last convolution with a spatial output; None for transformers on patches."""
    ran: list[nn.Conv2d] = []

    def note(layer: nn.Module, _: object, maps: torch.Tensor) -> None:
        if isinstance(layer, nn.Conv2d) and min(maps.shape[2:]) > 1:
            ran.append(layer)

    layers = [layer for layer in classifier.modules() if isinstance(layer, nn.Conv2d)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            classifier.eval()(torch.zeros(1, 3, preprocessing.height, preprocessing.width))
    finally:
        for handle in handles:
            handle.remove()
    return ran[-1] if ran and not _is_patch_embedding(ran[-1]) else None


def _is_patch_embedding(layer: nn.Conv2d) -> bool:
    """Whether it looks at every pixel once: the entrance of a transformer."""
    return layer.kernel_size == layer.stride and max(layer.kernel_size) > 1


def compute_grad_cam(
    classifier: Classifier, layer: nn.Conv2d, images: torch.Tensor, classes: Sequence[int]
) -> Float32Array:
    """Where each image speaks for a class.

    Args:
        classifier: on the CPU.
        layer: of the classifier, see `find_last_convolution`.
        images: normalised (n, 3, height, width).
        classes: n class indices.

    Returns:
        float32 (n, height, width) from 0 to 1; all 0 where nothing speaks for the class.
    """
    kept: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda _layer, _inputs, maps: kept.append(maps))
    try:
        with torch.enable_grad():
            logits = classifier.eval()(images.clone().requires_grad_())
            chosen = logits.gather(1, torch.tensor(classes)[:, None]).sum()
            (gradient,) = torch.autograd.grad(chosen, kept[0])
    finally:
        handle.remove()
    weights = gradient.mean((2, 3), keepdim=True)
    heat = F.relu((weights * kept[0].detach()).sum(1, keepdim=True))
    heat = F.interpolate(heat, size=images.shape[2:], mode="bilinear")
    heat = heat / heat.amax((2, 3), keepdim=True).clamp_min(1e-12)
    found: Float32Array = heat[:, 0].numpy()
    return found


def overlay_heat(pixels: PixelArray, heat: Float32Array) -> bytes:
    """Overlay a photo with its heat map, as JPEG.

    Args:
        pixels: uint8 (3, height, width).
        heat: (height, width) from 0 to 1.
    """
    warm = mpl.colormaps["inferno"](heat)[..., :3] * 255
    share = (_STRONGEST * heat)[..., None]
    mixed = (1 - share) * pixels.transpose(1, 2, 0) + share * warm
    buffer = io.BytesIO()
    Image.fromarray(mixed.astype(np.uint8)).save(buffer, "JPEG", quality=86)
    return buffer.getvalue()
