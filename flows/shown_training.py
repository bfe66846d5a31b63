"""What training shows beside the comparison of arms: folds and sweeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType

from flows.commands.answer import Answer
from flows.plain import plain
from flows.tables import ROWS_SHOWN, table

if TYPE_CHECKING:
    from flows.cross_validating import CrossValidated
    from flows.sweeping import Swept
    from train.intervals import Interval


def cross_validated_lines(found: Sequence[CrossValidated]) -> list[RenderableType]:
    """A table of arms on held-out folds of train, and how they compare."""
    if not found:
        return []
    first = found[0]
    held_out = f"accuracy on {first.images} images held out in {len(first.folds)} folds"
    drawn = table("model", "collected data", held_out, "on training images", "gap", wide=["model"])
    for item in found:
        gap = f"{100 * item.gap:+.1f}"
        train = share(item.train_accuracy)
        drawn.add_row(item.model, item.arm, with_interval(item.accuracy), train, gap)
    return [drawn, *(f"{i.model}: {i.against_without}" for i in found if i.against_without)]


def swept_answer(found: Sequence[Swept]) -> Answer:
    """After `sweep`: the best trials of each, and what training the best gave."""
    shown: list[RenderableType] = []
    for item in found:
        shown += [f"{item.model}, by log-loss on {item.objective}:", _trials(item)]
        shown.append(f"best: {_toml_lines(item)}")
        shown.append(f"trained with it: {item.trained.answer}: {item.trained.sentence}")
        shown.append(f"report: {item.trained.report}")
    return Answer({"sweeps": plain(found)}, shown)


def _trials(item: Swept) -> RenderableType:
    trials = item.sweep.trials
    keys = list(item.best)
    drawn = table("trial", *keys, "log-loss", "seconds", "ended", wide=["ended"])
    ranked = sorted(trials, key=lambda t: (t.loss is None, t.loss or 0.0, t.number))
    for trial in ranked[:ROWS_SHOWN]:
        values = (_number(trial.values.get(key, "")) for key in keys)
        loss = "" if trial.loss is None else f"{trial.loss:.4f}"
        drawn.add_row(str(trial.number), *values, loss, f"{trial.seconds:.1f}", trial.ended)
    return drawn


def _toml_lines(item: Swept) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in item.best.items())


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def share(value: float) -> str:
    """For example "84.2 %"."""
    return f"{100 * value:.1f} %"


def with_interval(value: Interval) -> str:
    """For example "84.2 %, 78.0 to 89.1"."""
    return f"{share(value.estimate)}, {100 * value.low:.1f} to {100 * value.high:.1f}"
