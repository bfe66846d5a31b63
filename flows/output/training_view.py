"""What training shows beside the comparison of arms: folds, ensembles, sweeps, students."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType

from data_registry.text.wording import count_noun
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain, make_plain_record
from flows.shared.tables import ROWS_SHOWN, build_table

if TYPE_CHECKING:
    from flows.training.cross_validating import CrossValidated
    from flows.training.ensembling import Ensembled
    from flows.training.model_export import ExportedModel
    from flows.training.sweeping import Swept
    from train.evaluation.intervals import Interval
    from train.experiments.distilling import DistillationResult


def format_cross_validation(found: Sequence[CrossValidated]) -> list[RenderableType]:
    """Format the accuracies of the arms on held-out folds of train, and their comparison."""
    if not found:
        return []
    first = found[0]
    lines: list[RenderableType] = [
        f"{len(first.folds)} folds of train: accuracy on {count_noun(first.images, 'image')} held "
        "out, and on the training images"
    ]
    drawn = build_table("model", "data", "held out", "learnt", "gap", wide=["model"])
    for item in found:
        gap = f"{100 * item.gap:+.1f}"
        train = format_share(item.train_accuracy)
        drawn.add_row(item.model, item.arm, format_interval(item.accuracy), train, gap)
    words = (f"{i.model}: {i.against_without}" for i in found if i.against_without)
    return [*lines, drawn, *words]


def format_ensembles(found: Sequence[Ensembled]) -> list[RenderableType]:
    """Format each ensemble beside its members, and compare it with the best of them."""
    shown: list[RenderableType] = []
    for item in found:
        ensemble = item.found
        images = ensemble.test.image_count
        drawn = build_table(
            "member", "", count_noun(images, "test image"), "log-loss", "learnt", "gap", wide=[""]
        )
        for one in (*ensemble.members, ensemble.together):
            gap = f"{100 * one.gap:+.1f}"
            train = format_share(one.train_accuracy)
            test = format_interval(one.accuracy)
            drawn.add_row(one.arm, one.model, test, f"{one.log_loss:.3f}", train, gap)
        against = f"against the best member by validation: {ensemble.answer}: {ensemble.sentence}"
        shown += [f"{ensemble.kind} of {', '.join(item.models)}:", drawn, against]
        if ensemble.out_of_bag:
            right, count = ensemble.out_of_bag
            shown.append(
                f"by members that never saw them: {format_share(right)} of "
                f"{count_noun(count, 'train image')}"
            )
    return shown


def build_sweep_answer(found: Sequence[Swept]) -> Answer:
    """Build the answer of `sweep`: the best trials, and the training with the best values."""
    shown: list[RenderableType] = []
    for item in found:
        shown += [f"{item.model}, by log-loss on {item.objective}:", _build_trial_table(item)]
        shown.append(f"best: {_format_toml(item)}")
        shown.append(f"trained with it: {item.trained.answer}: {item.trained.sentence}")
        shown.append(f"report: {item.trained.report}")
    return Answer({"sweeps": make_plain(found)}, shown)


def build_distil_answer(found: DistillationResult) -> Answer:
    """Build the answer of `distil`."""
    card, test = found.run.card, found.run.test
    drawn = build_table("", "weights", f"accuracy on {count_noun(test.image_count, 'test image')}")
    teachers = card.made["teachers"]
    taught = f"teacher {teachers[0]}" if len(teachers) == 1 else f"{len(teachers)} teachers"
    drawn.add_row(taught, f"{found.teacher_parameters:,}", format_interval(found.teacher_accuracy))
    student = f"student {card.run_id}, {card.spec.name}"
    drawn.add_row(student, f"{found.parameters:,}", format_interval(found.accuracy))
    words = f"against its teacher: {found.answer}: {found.sentence}"
    facts = {k: v for k, v in make_plain_record(found).items() if k != "run"}
    return Answer({"run": card.run_id, "made": make_plain(card.made), **facts}, [drawn, words])


def build_model_export_answer(found: ExportedModel, kind: str) -> Answer:
    """Build the answer of `export-model`."""
    parity = found.parity
    shown: list[RenderableType] = [
        f"run {found.run_id} as {kind} in {found.folder}, {_format_megabytes(found.byte_count)}",
        f"answers as the run does: of {count_noun(parity.images, 'validation image')} "
        f"{parity.same_class} with the same class, no probability differs by more than "
        f"{parity.largest_difference:.1e}",
    ]
    if found.int8:
        change = found.int8.change
        before, after = format_share(change.before), format_share(change.after)
        shown.append(
            f"in eight bits, {_format_megabytes(found.int8.byte_count)}, calibrated on "
            f"{count_noun(found.int8.calibrated_on, 'training image')}: accuracy {after} instead "
            f"of {before}; {change.answer}: {change.sentence}; "
            f"{change.same_class} have the same class"
        )
    return Answer({**make_plain_record(found), "to": kind}, shown)


def _format_megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _build_trial_table(item: Swept) -> RenderableType:
    trials = item.sweep.trials
    keys = list(item.best)
    drawn = build_table("trial", *keys, "log-loss", "seconds", "ended", wide=["ended"])
    ranked = sorted(trials, key=lambda t: (t.loss is None, t.loss or 0.0, t.number))
    for trial in ranked[:ROWS_SHOWN]:
        values = (_format_number(trial.values.get(key, "")) for key in keys)
        loss = "" if trial.loss is None else f"{trial.loss:.4f}"
        drawn.add_row(str(trial.number), *values, loss, f"{trial.seconds:.1f}", trial.ended)
    return drawn


def _format_toml(item: Swept) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in item.best.items())


def _format_number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def format_share(value: float) -> str:
    """Format a share, for example "84.2 %"."""
    return f"{100 * value:.1f} %"


def format_interval(value: Interval) -> str:
    """Format a share with its interval, for example "84.2 %, 78.0 to 89.1"."""
    return f"{format_share(value.estimate)}, {100 * value.low:.1f} to {100 * value.high:.1f}"
