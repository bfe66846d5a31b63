"""How a run is made, beside its images, model and configuration."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import TypedDict

from data_registry.storage.json_records import refuse_unknown_keys
from train.data.dataset import Example
from train.fitting.distillation_loss import SoftTargets


@refuse_unknown_keys
class VariantFacts(TypedDict, total=False):
    """What tells a variant from a plain run, which has none of these; kept in the run's card.

    Attributes:
        kind: see there.
        number: of a member of an ensemble, from 1.
        seed: of bagging's draws.
        folds, images: how many folds, and what the member learnt from.
        before: the snapshot whose weights it began with; empty for the first.
        teachers, temperature, share: of a distilled model.
    """

    kind: Literal["bagging", "folds", "snapshots", "distilled"]
    number: int
    seed: int
    folds: int
    images: list[str]
    before: str
    teachers: list[str]
    temperature: float
    share: float


@dataclass(frozen=True)
class RunVariant:
    """Parts of ensembles and distilled models are made otherwise than a plain run.

    Attributes:
        facts: what tells such a run from a plain one; kept in its card, and a part of its name.
        initial_run: a run whose weights, its head's included, it begins with; empty: a fresh head.
        soft_targets: what a teacher says of the training images.
        also_predicted: images it is asked about when it is fitted, kept as split ``train``.
    """

    facts: VariantFacts = field(default_factory=VariantFacts)
    initial_run: str = ""
    soft_targets: SoftTargets | None = None
    also_predicted: tuple[Example, ...] = ()

    def extend_fingerprint(self, of_weights: str) -> str:
        """Extend the weights' fingerprint by all that this adds."""
        if not self.facts:
            return of_weights
        text = json.dumps([of_weights, self.facts], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


PLAIN = RunVariant()
