"""How a teacher is made; imports nothing heavy."""

from dataclasses import dataclass, field
from typing import Literal

from train.specs import BackboneSpec

TeacherMode = Literal["probe", "finetune"]


@dataclass(frozen=True)
class TeacherSpec:
    """How a teacher is made.

    Attributes:
        backbone: the pretrained model.
        further: more backbones, whose features stand beside the first one's, each at length 1.
            ``finetune`` trains the first alone; the gate sees them all.
        mode: ``probe`` learns a linear head on frozen features; ``finetune`` trains the whole
            model, fold by fold.
        gate_quantile: see `labeling.gate.fit_gate`.
        folds: models that are fitted, each without one part of the labelled images.
        epochs, learning_rate: of ``finetune``.
        seed: of folds and training.
    """

    backbone: BackboneSpec = field(default_factory=BackboneSpec)
    mode: TeacherMode = "probe"
    gate_quantile: float = 0.95
    folds: int = 5
    epochs: int = 20
    learning_rate: float = 1e-4
    seed: int = 0
    further: tuple[BackboneSpec, ...] = ()

    @property
    def backbones(self) -> tuple[BackboneSpec, ...]:
        """All of them, the first one first."""
        return (self.backbone, *self.further)
