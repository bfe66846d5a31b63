"""How good predictions are: the figures of every report."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
)

from data_registry.arrays import Float32Array, Float64Array
from data_registry.storage.json_records import refuse_unknown_keys
from train.data.dataset import Labels
from train.evaluation.risk_coverage import compute_risk_coverage

BINS = 15  # of confidence, for the calibration error
_TOPS = (3, 5)


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """One class's scores, 0 where nothing was predicted or present.

    Attributes:
        support: images of this class.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Scores of predictions on one split.

    Attributes:
        image_count: images they rest on.
        correct_count: of them predicted right.
        accuracy: share of right predictions.
        balanced_accuracy: mean recall of the classes that are present.
        macro_f1: mean F1 of the classes that are present.
        log_loss: mean negative logarithm of the true class's probability.
        calibration_error: expected, over 15 bins of confidence.
        classes: scores by class.
        confusion: [true][predicted] counts.
        top_k: (k, share of images whose class is among the k most probable), for k of 3 and 5
            below the number of classes; empty for runs of before it was measured.
        area_under_risk: mean share of errors over all coverages, see
            `train.evaluation.risk_coverage`.
    """

    image_count: int
    correct_count: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    top_k: tuple[tuple[int, float], ...] = ()
    area_under_risk: float | None = None


def evaluate(probabilities: Float32Array, truth: Labels, class_names: tuple[str, ...]) -> Metrics:
    """Score predictions.

    Args:
        probabilities: (n, classes), rows add up to 1; n at least 1.
        truth: class indices (n,).
        class_names: in the order of the columns.
    """
    labels = np.arange(len(class_names))
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    present = support > 0
    right = int((predicted == truth).sum())
    return Metrics(
        image_count=len(truth),
        correct_count=right,
        accuracy=right / len(truth),
        balanced_accuracy=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        log_loss=float(log_loss(truth, _normalise_rows(probabilities), labels=labels)),
        calibration_error=_compute_calibration_error(probabilities, truth),
        classes=tuple(
            ClassScores(
                name=name,
                precision=float(precision[k]),
                recall=float(recall[k]),
                f1=float(f1[k]),
                support=int(support[k]),
            )
            for k, name in enumerate(class_names)
        ),
        confusion=tuple(
            tuple(int(count) for count in row)
            for row in confusion_matrix(truth, predicted, labels=labels)
        ),
        top_k=_compute_top_k(probabilities, truth),
        area_under_risk=compute_risk_coverage(probabilities.max(axis=1), predicted == truth).area,
    )


def _normalise_rows(probabilities: Float32Array) -> Float64Array:
    exact = probabilities.astype(np.float64)
    total: Float64Array = exact / exact.sum(axis=1, keepdims=True)
    return total


def _compute_calibration_error(probabilities: Float32Array, truth: Labels) -> float:
    return float(
        multiclass_calibration_error(
            torch.from_numpy(probabilities),
            torch.from_numpy(truth),
            num_classes=probabilities.shape[1],
            n_bins=BINS,
        )
    )


def _compute_top_k(probabilities: Float32Array, truth: Labels) -> tuple[tuple[int, float], ...]:
    scores, classes = torch.from_numpy(probabilities), torch.from_numpy(truth)
    count = probabilities.shape[1]
    return tuple(
        (k, float(multiclass_accuracy(scores, classes, count, average="micro", top_k=k)))
        for k in _TOPS
        if k < count
    )
