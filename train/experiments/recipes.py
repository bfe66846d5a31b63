"""Recipes: runs of one arm that differ in their seed alone, compared as one."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from data_registry.text.hashes import name_by_content
from train.experiments.runs import Run, RunCard


@dataclass(frozen=True)
class Recipe:
    """One model, one configuration, one set of training images.

    Attributes:
        key: equal for runs of the same recipe.
        runs: in the order of their seeds, at least one.
    """

    key: str
    runs: tuple[Run, ...]

    @property
    def card(self) -> RunCard:
        """Of the first run; the others differ in seed and outcome."""
        return self.runs[0].card

    @property
    def name(self) -> str:
        """For people: the model and the arm."""
        return f"{self.card.spec.name}, {self.card.arm}"

    @property
    def best(self) -> Run:
        """The run with the lowest log-loss on validation."""
        return min(self.runs, key=lambda run: (run.val.log_loss, run.card.run_id))


def compute_recipe_key(card: RunCard) -> str:
    """Compute the key that all runs of one recipe share."""
    spec = asdict(replace(card.spec, weights=None))
    config = asdict(replace(card.config, seed=0))
    facts = json.dumps([card.version, card.arm, spec, config], sort_keys=True, default=str)
    return name_by_content(facts)


def group_runs(runs: Iterable[Run]) -> list[Recipe]:
    """Group runs by recipe, ordered by key."""
    gathered: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        gathered[compute_recipe_key(run.card)].append(run)
    by_seed = {key: sorted(own, key=_get_seed) for key, own in gathered.items()}
    return [Recipe(key, tuple(own)) for key, own in sorted(by_seed.items())]


def _get_seed(run: Run) -> tuple[int, str]:
    return run.card.config.seed, run.card.run_id
