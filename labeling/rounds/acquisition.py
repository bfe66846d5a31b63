"""Which images a person is asked about first: those whose answers teach most."""

from collections.abc import Sequence

import numpy as np

from data_registry.arrays import Float32Array, Float64Array
from data_registry.labels.review_queue import record_questions
from data_registry.registry import Registry
from labeling.rounds.round import Round
from labeling.teacher.gate import normalise_rows

QUESTIONS = 200
SURE_EITHER_WAY = 0.02  # chance of right or wrong below which an answer teaches nothing


def rank_questions(registry: Registry, current: Round) -> None:
    """Order the review queue by what answers are worth, diverse in feature space."""
    names = list(current.single["sha256"])
    confidence = np.array([current.predictions[name].confidence for name in names])
    known = np.array([current.evidence.estimate_known(name) for name in names])
    worth = compute_answer_worth(confidence, known)
    record_questions(registry, select_questions(names, worth, current.features, QUESTIONS))


def compute_answer_worth(confidence: Float64Array, known: Float64Array) -> Float64Array:
    """Compute what answers are worth: most where the teacher is sure and the gate is not.

    Such an image is "none of these", which no label ever showed, or else it clears one of a
    class. The query has no say: its own confusion is estimated from these answers, and asking
    where it disagrees would bend that.

    Args:
        confidence: shape (n,), the teacher's.
        known: shape (n,), the chance that the image shows any of the classes.
    """
    doubtful = np.minimum(known, 1 - known) > SURE_EITHER_WAY
    worth: Float64Array = np.where(doubtful, confidence * known * (1 - known), 0.0)
    return worth


def select_questions(
    sha256s: Sequence[str], worth: Float64Array, features: Float32Array, count: int
) -> list[str]:
    """Select the images whose answers would teach most, each unlike those before it.

    Greedy: worth times the cosine distance to the nearest image already picked.

    Args:
        sha256s: n names.
        worth: shape (n,).
        features: shape (n, d).
        count: at most so many.
    """
    vectors = normalise_rows(features)
    nearest = np.zeros(len(sha256s))
    left = np.asarray(worth, dtype=np.float64).copy()
    picked: list[str] = []
    while len(picked) < count and (left > 0).any():
        best = int(np.argmax(left * (1 - nearest)))
        if left[best] <= 0:
            break
        picked.append(sha256s[best])
        left[best] = 0.0
        nearest = np.maximum(nearest, np.clip(vectors @ vectors[best], 0.0, 1.0))
    return picked
