"""Ensembles: the mean of what their members say, compared with the members."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from data_registry.arrays import Float32Array
from data_registry.progress import report_phase
from data_registry.text.hashes import name_by_content
from data_registry.vocabulary import Split
from train.data.dataset import Dataset, Example, collect_labels
from train.evaluation.conclusions import describe_difference, judge_difference
from train.evaluation.intervals import (
    Difference,
    Interval,
    compute_accuracy_interval,
    compute_paired_difference,
)
from train.evaluation.metrics import Metrics, evaluate
from train.experiments.ensemble_members import Member
from train.experiments.runs import Run, load_run, predict_stored
from train.experiments.train_run import build_prediction_rows
from train.tracking.context import TrainingContext

FOLDER = "ensembles"
_AT_ONCE = 256  # encoded images in memory
_TRAIN, _VAL, _TEST = (split.value for split in Split)


@dataclass(frozen=True, kw_only=True)
class ModelScore:
    """How one member, or all of them together, did.

    Attributes:
        name: a run's id, or the ensemble's.
        model, arm: what it is.
        train_accuracy: on the training images with their classes.
        val_loss: log-loss on validation.
        accuracy, log_loss: on test.
    """

    name: str
    model: str
    arm: str
    train_accuracy: float
    val_loss: float
    accuracy: Interval
    log_loss: float

    @property
    def gap(self) -> float:
        """Training accuracy less test accuracy: how far it is over-fitted."""
        return self.train_accuracy - self.accuracy.estimate


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """What an ensemble and its members are worth.

    Attributes:
        kind: vote, bagging, folds or snapshots.
        together: of the ensemble.
        members: one by one.
        best: the member with the lowest log-loss on validation, by name.
        answer: ``better``, ``worse`` or ``cannot tell`` than that member, on test.
        sentence: the same with its numbers.
        difference: accuracy on test, less the best member's.
        out_of_bag: accuracy on the training images, each by the members that never saw it, and
            how many images that are; None where every member saw everything.
        val, test: metrics.
    """

    kind: str
    together: ModelScore
    members: tuple[ModelScore, ...]
    best: str
    answer: str
    sentence: str
    difference: Difference
    out_of_bag: tuple[float, int] | None
    val: Metrics = field(repr=False)
    test: Metrics = field(repr=False)


def evaluate_ensemble(
    context: TrainingContext, dataset: Dataset, kind: str, members: Sequence[Member]
) -> Ensemble:
    """Vote softly: average the members' probabilities, and compare with each of them.

    What the ensemble says is kept in ``ensembles/<id>/``; its reading of test is logged once.

    Args:
        context: files, images, callbacks.
        dataset: the version that all of them were trained on.
        kind: a word for it.
        members: at least two, tested on the same images.
    """
    name = _name_ensemble(dataset, kind, members)
    said = [_collect_answers(context, dataset, member.run) for member in members]
    mean = {split: np.mean([one[split] for one in said], axis=0) for split in said[0]}
    _save_ensemble(context, dataset, name, kind, members=members, mean=mean)
    judged = [
        _score_model(dataset, one, member.run.card.run_id, _describe_run(member.run))
        for one, member in zip(said, members, strict=True)
    ]
    best = min(judged, key=lambda one: (one.val_loss, one.name))
    answer, sentence, difference = _compare_with_best(dataset, mean, said[judged.index(best)])
    return Ensemble(
        kind=kind,
        together=_score_model(dataset, mean, name, (kind, f"{len(members)} together")),
        members=tuple(judged),
        best=best.name,
        answer=answer,
        sentence=sentence,
        difference=difference,
        out_of_bag=_score_out_of_bag(dataset, said, members),
        val=evaluate(mean[_VAL], collect_labels(dataset.val), dataset.class_names),
        test=evaluate(mean[_TEST], collect_labels(dataset.test), dataset.class_names),
    )


def _collect_answers(
    context: TrainingContext, dataset: Dataset, run: Run
) -> dict[str, Float32Array]:
    """By split, in the dataset's order; training images are asked about where they were not."""
    columns = [f"p:{name}" for name in dataset.class_names]
    kept = run.predictions.drop_duplicates(["sha256", "split"]).set_index(["split", "sha256"])
    found = {}
    for split, examples in _list_splits(dataset).items():
        names = [(split, item.sha256) for item in examples]
        if split == _TRAIN and not set(names) <= set(kept.index):
            found[split] = predict_with_run(context, run.card.run_id, examples)
        else:
            rows = kept.reindex(pd.MultiIndex.from_tuples(names))
            found[split] = np.array(rows[columns], dtype=np.float32)
    return found


def predict_with_run(
    context: TrainingContext, run_id: str, examples: Sequence[Example]
) -> Float32Array:
    """Predict images outside the test split with a stored run: float32 (n, classes)."""
    model, said = load_run(context.files, run_id), []
    with report_phase(context.progress, "asking", len(examples)):
        for start in range(0, len(examples), _AT_ONCE):
            part = examples[start : start + _AT_ONCE]
            said.append(predict_stored(model, [item.sha256 for item in part], context.read))
            context.progress.advance(len(part))
    return np.concatenate(said)


def _list_splits(dataset: Dataset) -> dict[str, tuple[Example, ...]]:
    return {_TRAIN: dataset.train, _VAL: dataset.val, _TEST: dataset.test}


def _score_model(
    dataset: Dataset, said: dict[str, Float32Array], name: str, words: tuple[str, str]
) -> ModelScore:
    right = _mark_correct(said[_TEST], dataset.test)
    groups = np.array([item.group for item in dataset.test])
    scores = {
        split: evaluate(said[split], collect_labels(examples), dataset.class_names)
        for split, examples in _list_splits(dataset).items()
    }
    return ModelScore(
        name=name,
        model=words[0],
        arm=words[1],
        train_accuracy=scores[_TRAIN].accuracy,
        val_loss=scores[_VAL].log_loss,
        accuracy=compute_accuracy_interval(right, groups),
        log_loss=scores[_TEST].log_loss,
    )


def _compare_with_best(
    dataset: Dataset, mean: dict[str, Float32Array], best: dict[str, Float32Array]
) -> tuple[str, str, Difference]:
    groups = np.array([item.group for item in dataset.test])
    ours, theirs = (_mark_correct(one[_TEST], dataset.test)[None] for one in (mean, best))
    difference = compute_paired_difference(ours, theirs, groups)
    sentence = describe_difference(difference, len(dataset.test), 1)
    return judge_difference(difference), sentence, difference


def _score_out_of_bag(
    dataset: Dataset, said: Sequence[dict[str, Float32Array]], members: Sequence[Member]
) -> tuple[float, int] | None:
    """Only images that were imported count: machine-made classes never measure."""
    collected = dataset.collected
    unseen = np.array(
        [[item.sha256 in member.unseen - collected for item in dataset.train] for member in members]
    )
    judged = unseen.any(axis=0)
    if not judged.any():
        return None
    votes = np.stack([one[_TRAIN] for one in said]) * unseen[:, :, None]
    right = _mark_correct(votes.sum(axis=0), dataset.train)
    return float(right[judged].mean()), int(judged.sum())


def _mark_correct(probabilities: Float32Array, examples: Sequence[Example]) -> Any:
    return probabilities.argmax(axis=1) == collect_labels(examples)


def _describe_run(run: Run) -> tuple[str, str]:
    return run.card.spec.name, run.card.arm


def _name_ensemble(dataset: Dataset, kind: str, members: Sequence[Member]) -> str:
    facts = [dataset.version, kind, [member.run.card.run_id for member in members]]
    return name_by_content(json.dumps(facts))


def _save_ensemble(
    context: TrainingContext,
    dataset: Dataset,
    name: str,
    kind: str,
    *,
    members: Sequence[Member],
    mean: dict[str, Float32Array],
) -> None:
    """Write predictions and then the card; skip an ensemble that already has a card."""
    card = f"{FOLDER}/{name}/card.json"
    if context.files.exists(card):
        return
    context.on_test_reading(name, "accuracy of an ensemble", len(dataset.test))
    rows = [
        build_prediction_rows(split, examples, mean[split], dataset.class_names)
        for split, examples in _list_splits(dataset).items()
    ]
    buffer = io.BytesIO()
    pd.concat(rows, ignore_index=True).to_parquet(buffer, index=False)
    context.files.write(f"{FOLDER}/{name}/predictions.parquet", buffer.getvalue())
    runs = [member.run.card.run_id for member in members]
    facts = {"ensemble_id": name, "kind": kind, "version": dataset.version, "members": runs}
    context.files.write(card, json.dumps(facts, indent=1).encode())
