"""A small model taught by a larger one, or by several that vote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from data_registry.errors import InputError
from data_registry.text.hashes import shorten_hash
from train.data.dataset import Dataset
from train.data.pixel_cache import PixelCache
from train.evaluation.conclusions import describe_difference, judge_difference
from train.evaluation.intervals import (
    Difference,
    Interval,
    compute_accuracy_interval,
    compute_paired_difference,
)
from train.experiments.cross_validation import Fitting
from train.experiments.ensembles import predict_with_run
from train.experiments.run_variant import RunVariant, VariantFacts
from train.experiments.runs import Run
from train.experiments.train_run import train_variant
from train.fitting.distillation_loss import SoftTargets
from train.tracking.context import TrainingContext

DISTILLED: Final = "distilled"


@dataclass(frozen=True, kw_only=True)
class DistillationResult:
    """A student and what it lost.

    Attributes:
        run: the student's.
        accuracy, teacher_accuracy: on test.
        parameters, teacher_parameters: numbers of weights; of several teachers their sum.
        answer: ``better``, ``worse`` or ``cannot tell`` than the teacher.
        sentence: the same with its numbers.
        difference: accuracy less the teacher's.
    """

    run: Run
    accuracy: Interval
    teacher_accuracy: Interval
    parameters: int
    teacher_parameters: int
    answer: str
    sentence: str
    difference: Difference


def distil(
    context: TrainingContext,
    dataset: Dataset,
    fitting: Fitting,
    teachers: Sequence[Run],
    *,
    temperature: float,
    share: float,
) -> DistillationResult:
    """Train a student on the labels and on what its teachers say of the training images.

    The teachers' answers are computed once, on unchanged images; their mean is the soft target.
    What they say of test is taken from what they said when they were measured.

    Args:
        context: files, images, callbacks.
        dataset: what the teachers learnt from.
        fitting: the student.
        teachers: runs on this dataset's version.
        temperature, share: see `train.fitting.distillation_loss.SoftTargets`.

    Raises:
        InputError: a teacher knows other classes, or was tested on other images.
    """
    _require_same_version(dataset, teachers)
    names = [run.card.run_id for run in teachers]
    predicted = [predict_with_run(context, name, dataset.train) for name in names]
    soft_targets = SoftTargets(np.mean(predicted, axis=0), temperature, share)
    made = VariantFacts(kind=DISTILLED, teachers=names, temperature=temperature, share=share)
    with PixelCache(context.read, context.progress) as cache:
        variant = RunVariant(made, soft_targets=soft_targets)
        purpose, spec, config = "accuracy of a distilled model", fitting.spec, fitting.config
        run = train_variant(
            cache, context, dataset, spec, config, arm=DISTILLED, purpose=purpose, variant=variant
        )
    return _compare_with_teachers(run, teachers)


def _compare_with_teachers(run: Run, teachers: Sequence[Run]) -> DistillationResult:
    columns = [f"p:{name}" for name in run.card.class_names]
    own, theirs = (
        run.get_test_predictions(),
        [teacher.get_test_predictions() for teacher in teachers],
    )
    truth = own["true"].map({name: k for k, name in enumerate(run.card.class_names)}).to_numpy()
    mean = np.mean([rows[columns].to_numpy() for rows in theirs], axis=0)
    groups = own["group"].to_numpy()
    right = (own[columns].to_numpy().argmax(1) == truth)[None]
    teacher_right = (mean.argmax(1) == truth)[None]
    difference = compute_paired_difference(right, teacher_right, groups)
    return DistillationResult(
        run=run,
        accuracy=compute_accuracy_interval(right, groups),
        teacher_accuracy=compute_accuracy_interval(teacher_right, groups),
        parameters=run.card.parameter_count,
        teacher_parameters=sum(teacher.card.parameter_count for teacher in teachers),
        answer=judge_difference(difference),
        sentence=describe_difference(difference, len(own), 1),
        difference=difference,
    )


def _require_same_version(dataset: Dataset, teachers: Sequence[Run]) -> None:
    for teacher in teachers:
        card = teacher.card
        if (card.version, card.class_names) != (dataset.version, dataset.class_names):
            raise InputError(
                f"run {card.run_id} was trained on version {shorten_hash(card.version)} and this "
                f"is {shorten_hash(dataset.version)}: teachers of one student must share "
                "their version"
            )
