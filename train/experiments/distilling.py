"""A small model taught by a larger one, or by several that vote."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_registry.errors import InputError
from train.data.dataset import Dataset
from train.data.pixel_cache import PixelCache
from train.evaluation.conclusions import difference_in_words, judge_difference
from train.evaluation.intervals import Difference, Interval, accuracy_interval, paired_difference
from train.experiments.cross_validation import Fitting
from train.experiments.ensembles import training_answers
from train.experiments.run_variant import Making
from train.experiments.runs import Run
from train.experiments.train_run import train_in
from train.fitting.distillation_loss import SoftTargets
from train.tracking.context import TrainingContext

ARM = "distilled"


@dataclass(frozen=True)
class Distilled:
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
    workplace: TrainingContext,
    dataset: Dataset,
    fitting: Fitting,
    teachers: Sequence[Run],
    *,
    temperature: float,
    share: float,
) -> Distilled:
    """Train a student on the labels and on what its teachers say of the training images.

    The teachers' answers are computed once, on unchanged images; their mean is the lesson. What
    they say of test is taken from what they said when they were measured.

    Args:
        workplace: files, images, callbacks.
        dataset: what the teachers learnt from.
        fitting: the student.
        teachers: runs on this dataset's version.
        temperature, share: see `train.distillation.Lesson`.

    Raises:
        InputError: a teacher knows other classes, or was tested on other images.
    """
    _demand_same(dataset, teachers)
    names = [run.card.run_id for run in teachers]
    said = [training_answers(workplace, name, dataset.train) for name in names]
    lesson = SoftTargets(np.mean(said, axis=0), temperature, share)
    made = {"kind": ARM, "teachers": names, "temperature": temperature, "share": share}
    with PixelCache(workplace.read, workplace.progress) as cache:
        run = train_in(
            cache,
            workplace,
            dataset,
            fitting.spec,
            fitting.config,
            arm=ARM,
            purpose="accuracy of a distilled model",
            making=Making(made, lesson=lesson),
        )
    return _compared(run, teachers)


def _compared(run: Run, teachers: Sequence[Run]) -> Distilled:
    columns = [f"p:{name}" for name in run.card.class_names]
    own, theirs = run.on_test(), [teacher.on_test() for teacher in teachers]
    truth = own["true"].map({name: k for k, name in enumerate(run.card.class_names)}).to_numpy()
    mean = np.mean([rows[columns].to_numpy() for rows in theirs], axis=0)
    groups = own["group"].to_numpy()
    right = (own[columns].to_numpy().argmax(1) == truth)[None]
    teacher_right = (mean.argmax(1) == truth)[None]
    difference = paired_difference(right, teacher_right, groups)
    return Distilled(
        run=run,
        accuracy=accuracy_interval(right, groups),
        teacher_accuracy=accuracy_interval(teacher_right, groups),
        parameters=run.card.parameter_count,
        teacher_parameters=sum(teacher.card.parameter_count for teacher in teachers),
        answer=judge_difference(difference),
        sentence=difference_in_words(difference, len(own), 1),
        difference=difference,
    )


def _demand_same(dataset: Dataset, teachers: Sequence[Run]) -> None:
    for teacher in teachers:
        card = teacher.card
        if (card.version, card.class_names) != (dataset.version, dataset.class_names):
            raise InputError(
                f"run {card.run_id} was trained on version {card.version[:12]} and this is "
                f"{dataset.version[:12]}: teachers of one student must share their version"
            )
