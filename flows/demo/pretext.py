"""A backbone for a machine without a hub: a small EfficientNetV2, trained on drawn shapes.

No pretrained weights can be had offline. So the demo's teacher first learns to see from
`flows.demo.drawing.shapes`, which hold no animal of the bay, and is then fine-tuned on the labelled
photographs, as a pretrained backbone would be.

Half a minute is short: the network is shallow and wide rather than deep, and every stage has to
tell the kinds apart by itself (deep supervision: Lee et al., Deeply-Supervised Nets, 2015), which
makes the early stages learn several times as fast.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from data_registry.progress import Progress
from flows.demo.drawing.shapes import KINDS, ShapeBatch, draw_shapes

BACKBONE = "tf_efficientnetv2_b0"
MODEL_ARGS: Mapping[str, float] = {"channel_multiplier": 1.0, "depth_multiplier": 0.1}
INPUT_SIZE = 64
STEPS = 500

_SIDE = 48  # of the drawn shapes; smaller than the photographs, to be done in time
_BATCH = 32
_LEARNING_RATE = 5e-3
_WARM_UP = 0.2  # of the steps
_FIRST_JUDGED_STAGE = 2  # the stages before see too little of a shape


@dataclass(frozen=True, kw_only=True)
class PretextBackbone:
    """Where the weights lie and how to load them.

    Attributes:
        weights: safetensors of the backbone, without a head.
        name, model_args: for `timm.create_model`.
        input_size: the side in pixels that suits the weights.
        accuracy: share of shapes whose kind was told rightly over the last tenth of the steps.
    """

    weights: Path
    name: str = BACKBONE
    model_args: Mapping[str, float] = field(default_factory=lambda: dict(MODEL_ARGS))
    input_size: int = INPUT_SIZE
    accuracy: float = 0.0


def train_backbone(weights: Path, seed: int, steps: int, progress: Progress) -> PretextBackbone:
    """Train for a fixed number of steps and save the backbone; the same seed gives the same one.

    Args:
        weights: the safetensors file to write.
        seed: of the drawing and of the first weights.
        steps: batches of 32 shapes.
        progress: told of every step.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        learner = _Learner()
    learner.train()
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(learner.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _LEARNING_RATE, steps, pct_start=_WARM_UP
    )
    progress.start("training a small EfficientNetV2 on drawn shapes", steps)
    watched = max(1, steps // 10)
    right = 0.0
    for step in range(steps):
        share = _train_step(learner, draw_shapes(generator, _BATCH, _SIDE), optimiser)
        schedule.step()
        right += share if step >= steps - watched else 0.0
        progress.advance()
    progress.finish()
    save_file(learner.backbone.state_dict(), weights)
    return PretextBackbone(weights=weights, accuracy=right / watched)


class _Learner(nn.Module):
    """The backbone, and a linear head after each of its later stages and at its end."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model(BACKBONE, num_classes=0, **MODEL_ARGS)
        for module in self.backbone.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        config = timm.data.resolve_model_data_config(self.backbone)
        self.register_buffer("mean", torch.tensor(config["mean"])[:, None, None])
        self.register_buffer("std", torch.tensor(config["std"])[:, None, None])
        self.head = nn.Linear(int(self.backbone.num_features), KINDS)
        self.stage_heads = nn.ModuleList(
            nn.Linear(_count_channels(stage), KINDS)
            for stage in self.backbone.blocks[_FIRST_JUDGED_STAGE:]
        )

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Pictures (n, 3, side, side) in 0..1 to logits (n, KINDS); the backbone's end is last."""
        net = self.backbone
        values = net.bn1(net.conv_stem((pictures - self.mean) / self.std))
        answers = []
        for number, stage in enumerate(net.blocks):
            values = stage(values)
            if number >= _FIRST_JUDGED_STAGE:
                head = self.stage_heads[number - _FIRST_JUDGED_STAGE]
                answers.append(head(values.mean((2, 3))))
        features = net.global_pool(net.bn2(net.conv_head(values)))
        return [*answers, self.head(features)]


def _count_channels(stage: nn.Module) -> int:
    """Count the channels of a stage: those of its last convolution."""
    return [layer.out_channels for layer in stage.modules() if isinstance(layer, nn.Conv2d)][-1]


def _train_step(learner: _Learner, batch: ShapeBatch, optimiser: torch.optim.Optimizer) -> float:
    """Train one step; return the share of right answers before it."""
    answers = learner(batch.pictures)
    losses = [F.cross_entropy(answer, batch.kinds) for answer in answers]
    optimiser.zero_grad()
    torch.autograd.backward(losses)
    optimiser.step()
    return float((answers[-1].argmax(1) == batch.kinds).float().mean())
