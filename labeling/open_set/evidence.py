"""The evidence for each image of the pool beside the teacher: the gate and the query."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data_registry.arrays import Float64Array
from data_registry.labels.decisions import Prediction
from labeling.open_set.correction import fit_correction
from labeling.open_set.nearness import compute_nearness
from labeling.open_set.open_set import (
    OpenImages,
    assign_folds,
    compute_known_scores,
)
from labeling.open_set.prevalence import PrevalenceCurve, fit_prevalence_curve
from labeling.open_set.propagation import propagate_beliefs
from labeling.open_set.query_evidence import QueryEvidence, estimate_query
from labeling.teacher.labelled import BoolArray, IntArray
from labeling.teacher.teacher import Teacher
from labeling.teacher.teacher_spec import TeacherSpec

# With fewer images neither the share of the known nor the learnt gate means anything.
LEAST_LABELLED = 40
LEAST_POOL = 100
_EDGE = 1e-6  # keeps logarithms finite


@dataclass(frozen=True)
class Evidence:
    """The chance, before its query, that an image shows any of the classes; the query's worth.

    Attributes:
        known: SHA-256 to the estimated chance that it shows any of the classes; empty where too
            few images are there to estimate it.
        known_share: estimated part of the pool that does; None where it cannot be estimated.
        query: how far a query is to be believed; None where no query is known.
        correction: log-odds by which people's answers lower the chance of being right.
    """

    known: Mapping[str, float] = field(default_factory=dict)
    known_share: float | None = None
    query: QueryEvidence | None = None
    correction: float = 0.0

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
    images: OpenImages, teacher: Teacher, spec: TeacherSpec, state: PoolState
) -> Evidence:
    """Estimate the evidence: is an image of any class, and what are queries worth.

    Heads that learnt "none of the classes" begin; the nearest neighbours within labelled images
    and pool go on from what they believe. Every image is judged without its own label.

    Args:
        images: labelled, answered as none, and the pool.
        teacher: fitted on the labelled.
        spec: says how to fold.
        state: predictions of the pool and of answered images, queries and answers.
    """
    fair = images.labelled.is_unbiased_sample
    if fair.sum() < LEAST_LABELLED or len(images.pool) + len(images.none) < LEAST_POOL:
        return Evidence()
    names = (*images.labelled.sha256, *images.none, *images.pool)
    classes = _predict_classes(images, teacher, state)
    share, chances = _estimate_known(images, teacher, spec, classes)
    beliefs = np.column_stack([classes * chances[:, None], 1 - chances])
    known = dict(zip(names, chances.tolist(), strict=True))
    votes = _find_votes(names, teacher.class_names, state)
    truth = _find_answers(names, teacher.class_names, state)
    is_answered: BoolArray = truth.sum(axis=1) > 0
    query = estimate_query(beliefs, votes, truth, is_answered) if votes.any() else None
    weighed = query.weigh(beliefs, votes) if query else beliefs
    correction = _fit_correction(weighed[is_answered], truth[is_answered])
    return Evidence(known, share, query, correction)


def _predict_classes(images: OpenImages, teacher: Teacher, state: PoolState) -> Float64Array:
    """Find the chance of each class given any; labelled images by the member held out.

    Only what the state has no prediction of is predicted: images of an unpublished audit.
    """
    names, features = (*images.none, *images.pool), images.features[len(images.labelled) :]
    missing = [index for index, name in enumerate(names) if name not in state.predictions]
    new = teacher.predict([names[index] for index in missing], features[missing])
    predictions = {**state.predictions, **{item.sha256: item for item in new}}
    rows = [
        [predictions[name].probabilities[each] for each in teacher.class_names] for name in names
    ]
    return np.vstack([teacher.held_out, np.array(rows)])


def _estimate_known(
    images: OpenImages, teacher: Teacher, spec: TeacherSpec, classes: Float64Array
) -> tuple[float, Float64Array]:
    """Estimate the share of the pool that shows any class, and each image's chance to."""
    folds = assign_folds(images, spec.folds, spec.seed)
    heads = compute_known_scores(images, teacher.gate, folds)
    if heads is None:  # nothing in the pool could be none of the classes
        return 1.0, np.ones(len(classes))
    shares = [
        _fit_curve(images, scores).share for scores in (heads, compute_nearness(images, folds))
    ]
    # Two estimators with different faults: where they disagree, neither is believed alone.
    share = float(np.mean(shares))
    start = _fit_curve(images, heads, share).compute_chance(heads)
    scores = _propagate(images, folds, np.column_stack([classes * start[:, None], 1 - start]))
    return share, _fit_curve(images, scores, share).compute_chance(scores)


def _fit_curve(
    images: OpenImages, scores: Float64Array, share: float | None = None
) -> PrevalenceCurve:
    """Fit the curve on the images that nobody picked for being hard."""
    count, fair = len(images.labelled), images.labelled.is_unbiased_sample
    # What was answered came out of the pool, and not at random: the pool is whole with it alone.
    of_pool = np.concatenate([scores[:count][~fair], scores[count:]])
    weights = images.labelled.weights[fair]
    return fit_prevalence_curve(scores[:count][fair], of_pool, weights, share)


def _propagate(images: OpenImages, folds: IntArray, beliefs: Float64Array) -> Float64Array:
    """Propagate beliefs over the nearest neighbours; returns log-odds of any class, shape (n,)."""
    count = len(images.labelled)
    known = np.zeros_like(beliefs)
    known[np.arange(count), images.labelled.classes] = 1.0
    known[count : count + len(images.none), -1] = 1.0
    _, families = np.unique(images.labelled.groups, return_inverse=True)
    others = np.arange(len(beliefs) - count) + len(families)
    spread = propagate_beliefs(
        images.rotated,
        np.concatenate([families, others]),
        beliefs,
        known=known,
        folds=folds,
        is_known=~images.in_pool,
    )
    odds: Float64Array = np.log(spread[:, :-1].sum(axis=1) + _EDGE) - np.log(spread[:, -1] + _EDGE)
    return odds


def _find_votes(names: Sequence[str], class_names: Sequence[str], state: PoolState) -> BoolArray:
    """Find whose queries found each image; what was imported was found by nobody's."""
    found = [
        state.query_classes.get(name, ()) if name in state.predictions else () for name in names
    ]
    return build_votes(found, class_names)


def _find_answers(
    names: Sequence[str], class_names: Sequence[str], state: PoolState
) -> Float64Array:
    """Find what people answered, one-hot, shape (n, classes + 1); zeros where nobody did."""
    columns = {name: index for index, name in enumerate((*class_names, ""))}
    truth = np.zeros((len(names), len(columns)))
    for row, name in enumerate(names):
        answer = state.answers.get(name)
        if answer in columns:
            truth[row, columns[answer]] = 1.0
    return truth


def _fit_correction(weighed: Float64Array, truth: Float64Array) -> float:
    """Fit the correction on answered images; both of shape (n, classes + 1)."""
    best = weighed[:, :-1].argmax(axis=1)
    rows = np.arange(len(best))
    return fit_correction(weighed[rows, best], truth[rows, best] == 1.0)


def build_votes(query_classes: Sequence[Collection[str]], class_names: Sequence[str]) -> BoolArray:
    """Build the matrix of votes, shape (n, classes + 1); the last column is the background."""
    columns = (*class_names, "")
    return np.array(
        [[name in found for name in columns] for found in query_classes], dtype=np.bool_
    ).reshape(len(query_classes), len(columns))
