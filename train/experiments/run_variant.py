"""How a run is made, beside its images, model and configuration."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from train.data.dataset import Example
from train.fitting.distillation_loss import SoftTargets


@dataclass(frozen=True)
class RunVariant:
    """Parts of ensembles and distilled models are made otherwise than a plain run.

    Attributes:
        facts: what tells such a run from a plain one; kept in its card, and a part of its name.
        initial_run: a run whose weights, its head's included, it begins with; empty: a fresh head.
        lesson: what a teacher says of the training images.
        also_predicted: images it is asked about when it is fitted, kept as split ``train``.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    initial_run: str = ""
    lesson: SoftTargets | None = None
    also_predicted: tuple[Example, ...] = ()

    def extend_fingerprint(self, of_weights: str) -> str:
        """Extend the weights' fingerprint by all that this adds."""
        if not self.facts:
            return of_weights
        text = json.dumps([of_weights, self.facts], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


PLAIN = RunVariant()
