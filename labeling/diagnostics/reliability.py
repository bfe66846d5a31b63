"""Reliability of a teacher's confidence, on labelled images out of fold."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float64Array
from labeling.rounds.round import Round
from labeling.teacher.calibration import compute_probabilities
from labeling.teacher.labelled import BoolArray, IntArray
from train.evaluation.intervals import compute_wilson_interval

BINS = 8


@dataclass(frozen=True)
class OutOfFold:
    """What members said of n imported images that they had not learnt.

    Attributes:
        confidence: shape (n,), calibrated.
        uncalibrated: shape (n,), the same before.
        right: shape (n,).
        weights: shape (n,), 1 for all copies of an image together.
    """

    confidence: Float64Array
    uncalibrated: Float64Array
    right: BoolArray
    weights: Float64Array


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Images of about the same confidence.

    Attributes:
        confidence: their mean.
        accuracy: part that is right, with its 95 % interval.
        images: how many; copies count as one.
    """

    confidence: float
    accuracy: float
    low: float
    high: float
    images: float


@dataclass(frozen=True)
class RiskCoveragePoint:
    """What one threshold on confidence gives.

    Attributes:
        coverage: part of the images that it accepts.
        risk: part of those that is wrong.
    """

    coverage: float
    risk: float


def build_out_of_fold(current: Round) -> OutOfFold:
    """Collect a teacher's out-of-fold predictions, without images from the review queue."""
    labelled, teacher = current.labelled, current.teacher
    fair = labelled.is_unbiased_sample
    held_out = teacher.held_out[fair]
    # The temperature divides logits, which are log-probabilities up to a constant.
    logits = np.log(np.maximum(held_out, 1e-300)) * teacher.temperature
    return OutOfFold(
        confidence=held_out.max(axis=1),
        uncalibrated=compute_probabilities(logits, 1.0).max(axis=1),
        right=held_out.argmax(axis=1) == labelled.classes[fair],
        weights=labelled.weights[fair],
    )


def compute_reliability_bins(
    confidence: Float64Array, right: BoolArray, weights: Float64Array
) -> tuple[Bin, ...]:
    """Form at most `BINS` bins of about equal weight, which are finer near 1 than equal widths."""
    return tuple(
        _build_bin(confidence[rows], right[rows], weights[rows])
        for rows in _split_into_bins(confidence, weights)
    )


def compute_bin_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Average the gap between confidence and accuracy over the bins (Naeini, 2015)."""
    total = sum(item.images for item in bins)
    return sum(item.images * abs(item.confidence - item.accuracy) for item in bins) / total


def compute_risk_coverage(
    confidence: Float64Array, right: BoolArray, weights: Float64Array
) -> tuple[RiskCoveragePoint, ...]:
    """Compute each threshold's coverage and risk, strict to loose (El-Yaniv and Wiener, 2010)."""
    order = np.argsort(-confidence, kind="stable")
    mass = np.cumsum(weights[order])
    wrong = np.cumsum((weights * ~right)[order])
    ends = np.append(np.diff(confidence[order]) != 0, True)
    rows = zip(mass[ends] / mass[-1], wrong[ends] / mass[ends], strict=True)
    return tuple(RiskCoveragePoint(float(coverage), float(risk)) for coverage, risk in rows)


def compute_weighted_interval(
    right: BoolArray, weights: Float64Array
) -> tuple[float, float, float]:
    """Compute the part that is right and its 95 % interval; duplicates count as one image."""
    share = float(np.average(right, weights=weights))
    trials = max(round(float(weights.sum())), 1)
    interval = compute_wilson_interval(share * trials, trials)
    return share, interval.low, interval.high


def _build_bin(confidence: Float64Array, right: BoolArray, weights: Float64Array) -> Bin:
    accuracy, low, high = compute_weighted_interval(right, weights)
    return Bin(
        confidence=float(np.average(confidence, weights=weights)),
        accuracy=accuracy,
        low=low,
        high=high,
        images=float(weights.sum()),
    )


def _split_into_bins(confidence: Float64Array, weights: Float64Array) -> Iterator[IntArray]:
    order = np.argsort(confidence, kind="stable")
    mass = np.cumsum(weights[order])
    number = np.minimum((mass - weights[order] / 2) / mass[-1] * BINS, BINS - 1).astype(np.int64)
    for index in np.unique(number):
        yield order[number == index]
