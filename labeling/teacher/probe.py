"""A linear head on frozen features: some 100 times faster than fine-tuning."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from data_registry.arrays import Float32Array, Float64Array
from labeling.teacher.calibration import compute_log_loss, fit_temperature
from labeling.teacher.gate import normalise_rows
from labeling.teacher.labelled import IntArray, LabelledImages
from labeling.teacher.teacher import CrossFit, Member, cross_fit
from labeling.teacher.teacher_spec import TeacherSpec

REGULARISATIONS = (0.1, 1.0, 10.0, 100.0, 1000.0)  # scikit-learn's C, on unit vectors


@dataclass(frozen=True)
class LinearMember:
    """Logistic regression on unit feature vectors.

    Attributes:
        model: the fitted regression; it has seen every class.
    """

    model: LogisticRegression

    def compute_logits(self, sha256s: Sequence[str], features: Float32Array) -> Float64Array:
        """Compute logits, shape (n, classes), from features of shape (n, d)."""
        scores = self.model.decision_function(normalise_rows(features)).astype(np.float64)
        # With two classes scikit-learn gives one score: the log-odds of the second.
        return np.column_stack([-scores / 2, scores / 2]) if scores.ndim == 1 else scores


def fit_probe(labelled: LabelledImages, features: Float32Array, spec: TeacherSpec) -> CrossFit:
    """Cross-fit with each regularisation and keep the one with the best log-loss out of fold.

    Args:
        labelled: n images.
        features: shape (n, d).
        spec: says how to fold.
    """
    vectors = normalise_rows(features)
    fits = [
        cross_fit(
            labelled,
            features,
            spec,
            _Learner(vectors, labelled.classes, labelled.weights, strength),
        )
        for strength in REGULARISATIONS
    ]
    return min(fits, key=lambda fit: _compute_calibrated_loss(fit, labelled))


@dataclass(frozen=True)
class _Learner:
    vectors: Float32Array
    classes: IntArray
    weights: Float64Array
    strength: float

    def __call__(self, learning: IntArray) -> Member:
        model = LogisticRegression(C=self.strength, max_iter=1000)
        with warnings.catch_warnings():
            # The strongest settings may stop early; their log-loss then speaks against them.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self.vectors[learning], self.classes[learning], self.weights[learning])
        return LinearMember(model)


def _compute_calibrated_loss(fit: CrossFit, labelled: LabelledImages) -> float:
    fair = labelled.is_unbiased_sample
    evidence = fit.held_out_logits[fair], labelled.classes[fair]
    weights = labelled.weights[fair]
    temperature = fit_temperature(*evidence, weights)
    return compute_log_loss(*evidence, temperature, weights)
