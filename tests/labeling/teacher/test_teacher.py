from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from labelled_pictures import TINY, labelled

from labeling.teacher.gate import normalise_rows
from labeling.teacher.probe import fit_probe
from labeling.teacher.teacher import compute_teacher_id, cross_fit
from labeling.teacher.teacher_spec import TeacherSpec
from train.models.backbones import load_backbone

LABELLED = labelled([0, 1] * 6, [f"group {number}" for number in range(12)])
SPEC = TeacherSpec(TINY)
FINETUNE = replace(SPEC, mode="finetune")


def name_of(spec: TeacherSpec, images: object = LABELLED, fingerprint: str = "f") -> str:
    return compute_teacher_id(spec, fingerprint, images)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        (SPEC, {"mode": "finetune"}),
        (SPEC, {"gate_quantile": 0.9}),
        (SPEC, {"folds": 3}),
        (SPEC, {"seed": 1}),
        (FINETUNE, {"epochs": 21}),
        (FINETUNE, {"learning_rate": 2e-4}),
    ],
)
def test_every_setting_that_matters_names_another_teacher(
    spec: TeacherSpec, change: dict[str, object]
) -> None:
    assert name_of(spec) != name_of(replace(spec, **change))  # type: ignore[arg-type]


def test_labelled_images_and_weights_name_another_teacher() -> None:
    fewer = LABELLED.select_rows(np.arange(10))
    assert name_of(SPEC) != name_of(SPEC, fewer)
    other_weights = load_backbone(replace(TINY, seed=1)).fingerprint
    other_size = load_backbone(replace(TINY, input_size=40)).fingerprint
    fingerprint = load_backbone(TINY).fingerprint
    names = {name_of(SPEC, fingerprint=item) for item in (fingerprint, other_weights, other_size)}
    assert len(names) == 3


def test_nothing_else_names_another_teacher() -> None:
    elsewhere = replace(SPEC, backbone=replace(TINY, weights="/elsewhere/weights.pth"))
    assert name_of(SPEC) == name_of(elsewhere)
    # What a probe never uses cannot make it another one.
    assert name_of(SPEC) == name_of(replace(SPEC, epochs=99, learning_rate=0.5))


class Memory:
    """A member that is sure of what it learnt, and of nothing else."""

    def __init__(self, learnt: set[str]) -> None:
        self.learnt = learnt

    def compute_logits(self, sha256s: Sequence[str], features: np.ndarray) -> np.ndarray:
        known = [[float(name in self.learnt), 0.0] for name in sha256s]
        return np.array(known) + features


def test_held_out_logits_come_from_the_member_that_did_not_learn_the_image() -> None:
    features = np.arange(24, dtype=np.float32).reshape(12, 2)
    fit = cross_fit(
        LABELLED,
        features,
        replace(SPEC, folds=4),
        lambda learning: Memory({LABELLED.sha256[index] for index in learning}),
    )
    assert len(fit.members) == 4
    assert np.array_equal(fit.held_out_logits, features)  # nobody remembered; rows in order


def test_with_two_classes_the_logits_differ_by_the_log_odds() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(12, 4)).astype(np.float32)
    member = fit_probe(LABELLED, features, SPEC).members[0]
    logits = member.compute_logits(LABELLED.sha256, features)
    odds = member.model.predict_proba(normalise_rows(features))  # type: ignore[attr-defined]
    assert np.allclose(logits[:, 1] - logits[:, 0], np.log(odds[:, 1] / odds[:, 0]), atol=1e-5)
