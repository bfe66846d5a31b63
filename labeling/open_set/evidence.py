"""The evidence for each image of the pool beside the teacher: the gate and the query."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Prediction
from labeling.open_set.open_set import OpenImages, compute_known_scores
from labeling.open_set.prevalence import fit_prevalence_curve
from labeling.open_set.query_evidence import QueryEvidence, estimate_query
from labeling.teacher.labelled import BoolArray
from labeling.teacher.teacher import Teacher
from labeling.teacher.teacher_spec import TeacherSpec

# With fewer images neither the share of the known nor the learnt gate means anything.
LEAST_LABELLED = 40
LEAST_POOL = 100


@dataclass(frozen=True)
class Evidence:
    """By everything but the query: the chance that an image is what the teacher says.

    Attributes:
        known: SHA-256 to the estimated chance that it shows any of the classes; empty where too
            few images are there to estimate it.
        known_share: estimated part of the pool that does; None where it cannot be estimated.
        query: how far a query is to be believed; None where nothing is estimated.
    """

    known: Mapping[str, float] = field(default_factory=dict)
    known_share: float | None = None
    query: QueryEvidence | None = None

    def estimate_known(self, sha256: str) -> float:
        """Estimate the chance that an image shows any of the classes; 1 where nothing is known."""
        return self.known.get(sha256, 1.0)

    def drop_gate(self) -> "Evidence":
        """Keep the query's weight alone."""
        return replace(self, known=dict.fromkeys(self.known, 1.0), known_share=None)


@dataclass(frozen=True)
class PoolState:
    """The pool's images as the teacher sees them.

    Attributes:
        predictions: by SHA-256.
        query_classes: classes whose queries found an image, by SHA-256.
        answers: what people said of images of the pool: SHA-256 to class, empty for none.
    """

    predictions: Mapping[str, Prediction]
    query_classes: Mapping[str, Collection[str]]
    answers: Mapping[str, str]


def estimate_evidence(
    images: OpenImages, teacher: Teacher, spec: TeacherSpec, state: PoolState, threshold: float
) -> Evidence:
    """Estimate the evidence: learn the gate's head and weigh the queries.

    Args:
        images: labelled, answered as none, and the pool.
        teacher: fitted on the labelled.
        spec: says how to fold.
        state: predictions of the pool and of answered images, queries and answers.
        threshold: confidence from which a query's agreement is counted.
    """
    fair = images.labelled.is_unbiased_sample
    if fair.sum() < LEAST_LABELLED or len(images.pool) + len(images.none) < LEAST_POOL:
        return Evidence()
    scores = compute_known_scores(images, teacher.gate, spec.folds, spec.seed)
    names = (*images.labelled.sha256, *images.none, *images.pool)
    if scores is None:
        return Evidence(dict.fromkeys(names, 1.0), 1.0, _estimate_query(state, {}, threshold))
    count = len(images.labelled)
    # What was answered came out of the pool, and not at random: the pool is whole with it alone.
    of_pool = np.concatenate([scores[:count][~fair], scores[count:]])
    curve = fit_prevalence_curve(scores[:count][fair], of_pool, images.labelled.weights[fair])
    known = dict(zip(names, curve.compute_chance(scores).tolist(), strict=True))
    return Evidence(known, curve.share, _estimate_query(state, known, threshold))


def _estimate_query(
    state: PoolState, known: Mapping[str, float], threshold: float
) -> QueryEvidence | None:
    """Estimate how queries agree with the teacher among the images that it is sure of."""
    sure = [
        (item, known.get(name, 1.0) * item.confidence)
        for name, item in state.predictions.items()
        if item.confidence >= threshold and state.query_classes.get(name)
    ]
    if not sure:
        return None
    agrees = _build_mask(item.class_name in state.query_classes[item.sha256] for item, _ in sure)
    answered = _build_mask(item.sha256 in state.answers for item, _ in sure)
    right = _build_mask(state.answers.get(item.sha256) == item.class_name for item, _ in sure)
    chances: Float64Array = np.array([chance for _, chance in sure])
    return estimate_query(chances, agrees, right[answered], agrees[answered])


def _build_mask(values: Iterable[bool]) -> BoolArray:
    return np.array(list(values), dtype=np.bool_)
