"""Distillation: the loss of the paper, and a student that follows its teacher."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_photos import Photos, drawn_photo
from torch import nn

from data_registry.errors import InputError
from data_registry.progress import SilentProgress
from data_registry.storage.files import FileStore
from train.data.dataset import Dataset, Example
from train.experiments.cross_validation import Fitting
from train.experiments.distilling import distil
from train.experiments.train_run import train_one
from train.fitting.batches import ArrayBatches
from train.fitting.distillation_loss import DistillationLoss, SoftTargets
from train.fitting.fit import fit
from train.fitting.fit_config import FitConfig
from train.fitting.losses import CrossEntropyLoss
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

rows = st.lists(st.lists(st.floats(-4, 4), min_size=3, max_size=3), min_size=1, max_size=5)


@given(logits=rows, temperature=st.floats(1, 8))
def test_targets_are_labels_and_softened_answers(
    logits: list[list[float]], temperature: float
) -> None:
    teacher = torch.tensor(logits)
    labels = teacher.argmin(1).numpy()
    soft_targets = SoftTargets(teacher.softmax(1).numpy(), temperature, 0.5)
    hard, soft = np.split(soft_targets.build_targets(labels), 2, axis=1)
    assert (hard.argmax(1) == labels).all()
    assert hard.sum() == len(labels)
    expected = (teacher / temperature).softmax(1).numpy()
    assert soft == pytest.approx(expected, abs=1e-4)


@given(logits=rows, temperature=st.floats(1, 8))
def test_the_loss_is_the_papers(logits: list[list[float]], temperature: float) -> None:
    student = torch.tensor(logits)
    teacher = student.flip(1)
    labels = torch.zeros(len(student), dtype=torch.int64)
    soft_targets = SoftTargets(teacher.softmax(1).numpy(), temperature, 0.3)
    targets = torch.from_numpy(soft_targets.build_targets(labels.numpy()))
    own = CrossEntropyLoss(None, 0.1)
    found = DistillationLoss(own, temperature, 0.3).compute_per_image(student, targets)
    soft = (teacher / temperature).softmax(1)
    apart = (soft * (soft.log() - (student / temperature).log_softmax(1))).sum(1)
    expected = 0.7 * own.compute_per_image(student, labels) + 0.3 * temperature**2 * apart
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-4)
    alike = SoftTargets(student.softmax(1).numpy(), temperature, 1.0)
    same = torch.from_numpy(alike.build_targets(labels.numpy()))
    none_left = DistillationLoss(own, temperature, 1.0).compute_per_image(student, same)
    assert none_left.numpy() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("share", "follows_teacher"), [(1.0, True), (0.0, False)])
def test_a_student_follows_whom_it_is_told_to(share: float, follows_teacher: bool) -> None:
    """The teacher contradicts every label, so the two can be told apart."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    inputs = (np.eye(3)[labels] + random.normal(0, 0.1, (60, 3))).astype(np.float32)
    turned = np.eye(3)[(labels + 1) % 3].astype(np.float32) * 0.9 + 1 / 30
    soft_targets = SoftTargets(turned, 2.0, share)
    with torch.random.fork_rng():
        module = nn.Linear(3, 3)
    config = FitConfig(max_steps=60, batch_size=20, learning_rate=0.2, class_weights=True)
    learning = ArrayBatches(inputs, soft_targets.build_targets(labels))
    checking = ArrayBatches(inputs, (labels + follows_teacher) % 3)
    fitted = fit(
        module,
        lambda batch: batch,
        learning,
        checking,
        class_count=3,
        config=config,
        progress=SilentProgress(),
        soft_targets=soft_targets,
    )
    assert fitted.history[-1].val_accuracy == 1
    assert fitted.history[-1].train_accuracy == (0 if follows_teacher else 1)


def test_a_student_is_a_run_beside_its_teacher(photos: Photos, files: FileStore) -> None:
    def examples(seeds: range) -> tuple[Example, ...]:
        return tuple(
            Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
            for seed in seeds
            for kind in range(2)
        )

    train, val, test = map(examples, (range(4), range(4, 6), range(6, 9)))
    dataset = Dataset(
        version="v" * 64, class_names=("circle", "square"), train=train, val=val, test=test
    )
    readings: list[tuple[str, str, int]] = []
    place = TrainingContext(
        files=files, read=photos.read, on_test_reading=lambda *told: readings.append(told)
    )
    config = FitConfig(max_steps=4, batch_size=4, mixup=0.2)
    large = ModelSpec("cnn", model_args={"widths": [8, 16]}, input_size=32)
    small = Fitting(ModelSpec("cnn", model_args={"widths": [4]}, input_size=32), config)
    teacher = train_one(place, dataset, large, config)
    found = distil(place, dataset, small, [teacher], temperature=3, share=0.7)
    assert found.run.card.made == {
        "kind": "distilled",
        "teachers": [teacher.card.run_id],
        "temperature": 3,
        "share": 0.7,
    }
    assert found.teacher_accuracy.estimate == pytest.approx(teacher.test.accuracy)
    assert found.accuracy.estimate == pytest.approx(found.run.test.accuracy)
    assert found.parameters < found.teacher_parameters == teacher.card.parameter_count
    assert [purpose for _, purpose, _ in readings] == [
        "accuracy of a run",
        "accuracy of a distilled model",
    ]
    warmer = distil(place, dataset, small, [teacher], temperature=5, share=0.7)
    plain = train_one(place, dataset, small.spec, config)
    assert len({run.card.run_id for run in (found.run, warmer.run, plain)}) == 3
    again = distil(place, dataset, small, [teacher], temperature=3, share=0.7)
    assert again.run.card == found.run.card
    with pytest.raises(InputError, match="must share their version"):
        later = Dataset(
            version="w" * 64,
            class_names=dataset.class_names,
            train=dataset.train,
            val=dataset.val,
            test=dataset.test,
        )
        distil(place, later, small, [teacher], temperature=3, share=0.7)
