"""The teacher: cross-fitted, calibrated, pinned by the hash of all it was made from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from data_registry.arrays import Float32Array, Float64Array
from data_registry.labels.decisions import Prediction
from labeling.teacher.calibration import compute_log_loss, compute_probabilities
from labeling.teacher.cross_fitting_folds import split_group_folds
from labeling.teacher.gate import Gate
from labeling.teacher.labelled import IntArray, LabelledImages
from labeling.teacher.teacher_card import OutOfFoldScores, TeacherCard
from labeling.teacher.teacher_spec import TeacherSpec

# Raised when the code makes another teacher of the same inputs: predictions are kept by teacher.
_METHOD = 2
_OF_FINETUNE = ("epochs", "learning_rate")


class Member(Protocol):
    """One model of the teacher: it learnt from all folds but one."""

    def compute_logits(self, sha256s: Sequence[str], features: Float32Array) -> Float64Array:
        """Compute the logits of n stored images.

        Args:
            sha256s: n names.
            features: shape (n, d), by the teacher's backbone as it was before any fine-tuning.

        Returns:
            Shape (n, classes), before calibration.
        """


@dataclass(frozen=True)
class CrossFit:
    """Members and what each says of the fold it has not seen.

    Attributes:
        members: one a fold.
        held_out_logits: shape (n, classes), row i by the member that did not learn image i.
    """

    members: tuple[Member, ...]
    held_out_logits: Float64Array


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """Predicts with the mean of its members' logits, at the temperature fitted out of fold.

    The members that were calibrated out of fold are the ones that predict: no further model is
    fitted on everything, whose confidence nobody would have checked. The mean of linear heads'
    logits is itself such a head, so the temperature fits it; a mean of their probabilities would
    be less sure than any of them.

    Attributes:
        teacher_id: see `teacher_id`.
        class_names: in the order of the logits' columns.
        members: one a fold.
        temperature: divides every member's logits.
        gate: measures how unlike the labelled images an image is.
        card: what it was made from and what the labelled images say of it, as plain values.
        held_out: shape (n, classes), calibrated probabilities of the labelled images, each by the
            member that did not learn it.
    """

    teacher_id: str
    class_names: tuple[str, ...]
    members: tuple[Member, ...]
    temperature: float
    gate: Gate
    card: TeacherCard
    held_out: Float64Array

    def predict(self, sha256s: Sequence[str], features: Float32Array) -> list[Prediction]:
        """Predict calibrated probabilities and gate distances of stored images.

        Args:
            sha256s: n names.
            features: shape (n, d), by the teacher's backbone.
        """
        if not sha256s:
            return []
        logits = np.mean(
            [member.compute_logits(sha256s, features) for member in self.members], axis=0
        )
        mean = compute_probabilities(logits, self.temperature)
        distances = self.gate.compute_distances(features)
        return self._build_predictions(sha256s, mean, distances)

    def build_held_out_predictions(self, labelled: LabelledImages) -> list[Prediction]:
        """Build predictions of the labelled images, each by the member that did not learn it."""
        return self._build_predictions(labelled.sha256, self.held_out, np.zeros(len(labelled)))

    def _build_predictions(
        self, sha256s: Sequence[str], rows: Float64Array, distances: Float64Array
    ) -> list[Prediction]:
        return [
            Prediction(
                name, dict(zip(self.class_names, row.tolist(), strict=True)), float(distance)
            )
            for name, row, distance in zip(sha256s, rows, distances, strict=True)
        ]


def cross_fit(
    labelled: LabelledImages,
    features: Float32Array,
    spec: TeacherSpec,
    fit_member: Callable[[IntArray], Member],
) -> CrossFit:
    """Fit one member for each fold and predict the images that it has not seen.

    Args:
        labelled: n images to learn from.
        features: shape (n, d).
        spec: says how many folds, and their seed.
        fit_member: given the positions to learn from, returns a member.
    """
    logits = np.zeros((len(labelled), len(labelled.class_names)))
    members = []
    for learning, held_out in split_group_folds(labelled, spec.folds, spec.seed):
        member = fit_member(learning)
        names = [labelled.sha256[index] for index in held_out]
        logits[held_out] = member.compute_logits(names, features[held_out])
        members.append(member)
    return CrossFit(tuple(members), logits)


def compute_teacher_id(spec: TeacherSpec, fingerprint: str, labelled: LabelledImages) -> str:
    """Compute a SHA-256 over all that determines a teacher: weights, settings, labelled images.

    The backbones' part is their fingerprint: the same weights at another path are the same
    teacher.
    """
    settings = {k: v for k, v in asdict(spec).items() if k not in {"backbone", "further"}}
    if spec.mode == "probe":
        settings = {k: v for k, v in settings.items() if k not in _OF_FINETUNE}
    facts = {"method": _METHOD, **settings, "fingerprint": fingerprint, "labelled": labelled.digest}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def score_out_of_fold(
    fit: CrossFit, labelled: LabelledImages, temperature: float, threshold: float
) -> OutOfFoldScores:
    """Score the labelled images out of fold: an estimate, for no pool was looked at.

    Args:
        fit: members and their held-out logits.
        labelled: what they learnt from.
        temperature: fitted on the held-out logits.
        threshold: confidence from which images are counted as accepted.
    """
    fair = labelled.is_unbiased_sample
    logits, classes, weights = (
        fit.held_out_logits[fair],
        labelled.classes[fair],
        labelled.weights[fair],
    )
    calibrated = compute_probabilities(logits, temperature)
    right = calibrated.argmax(axis=1) == classes
    sure = calibrated.max(axis=1) >= threshold
    return OutOfFoldScores(
        images=len(labelled),
        groups=len(set(labelled.groups)),
        answered=int((~fair).sum()),
        classes=list(labelled.class_names),
        folds=len(fit.members),
        temperature=temperature,
        accuracy=float(np.average(right, weights=weights)),
        log_loss=compute_log_loss(logits, classes, temperature, weights),
        log_loss_uncalibrated=compute_log_loss(logits, classes, weights=weights),
        threshold=threshold,
        accepted=int(sure.sum()),
        accepted_right=int((sure & right).sum()),
    )
