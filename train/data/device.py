"""Where a model computes, and in which number format and memory layout."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Compute:
    """A device and the number format of its matrix products.

    Attributes:
        device: ``"cpu"`` or ``"cuda"``.
        dtype: float32 computes exactly; bfloat16 halves the time where the chip multiplies it.
    """

    device: str
    dtype: torch.dtype


def select_compute() -> Compute:
    """Select CUDA if available, and bfloat16 only where the chip has instructions for it."""
    if torch.cuda.is_available():
        return Compute("cuda", torch.bfloat16)
    return Compute("cpu", torch.bfloat16 if _has_cpu_bfloat16() else torch.float32)


def select_training_dtype(module: nn.Module) -> torch.dtype:
    """Select the number format in which a model trains fastest here; equal for all its runs.

    On two cores with AVX-512's bfloat16, against float32: plain convolutions 1.3 to 2 times as
    fast (a cnn, ResNet18), depthwise ones 0.2 to 1.1 (MobileNets, EfficientNets), and without
    convolutions 1.0 (`python -m benchmarks.training`).
    """
    if torch.cuda.is_available():
        return torch.bfloat16
    groups = [part.groups for part in module.modules() if isinstance(part, nn.Conv2d)]
    plain = bool(groups) and max(groups) == 1
    return torch.bfloat16 if plain and _has_cpu_bfloat16() else torch.float32


def _has_cpu_bfloat16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
