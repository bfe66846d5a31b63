"""Which number format a model learns in: a matter of its convolutions and of the chip."""

import pytest
import torch
from torch import nn

from train.data.device import select_compute, select_training_dtype

PLAIN = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
DEPTHWISE = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=8))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU learns everything in bfloat16")
@pytest.mark.parametrize("module", [DEPTHWISE, nn.Linear(3, 2)])
def test_what_bfloat16_would_slow_down_learns_in_float32(module: nn.Module) -> None:
    assert select_training_dtype(module) == torch.float32


def test_plain_convolutions_learn_in_what_the_chip_multiplies_fastest() -> None:
    assert select_training_dtype(PLAIN) == select_compute().dtype
