"""Where a model computes, and in which number format and memory layout."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Compute:
    """A device and the number format of its matrix products.

    Attributes:
        device: ``"cpu"`` or ``"cuda"``.
        dtype: float32 computes exactly; bfloat16 halves the time where the chip multiplies it.
    """

    device: str
    dtype: torch.dtype


def best_compute() -> Compute:
    """CUDA where there is one; bfloat16 only where the chip has instructions for it."""
    if torch.cuda.is_available():
        return Compute("cuda", torch.bfloat16)
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return Compute("cpu", torch.bfloat16 if fast else torch.float32)
