"""The learnt class "none of these", whose examples come from the pool itself.

A pool image that is farther from every labelled image than nearly all labelled images are from
each other shows none of the classes. These reliable negatives (Liu et al., 2003), and what people
answered, teach a linear head one more class; what that head then puts into it teaches the next
head, until nothing changes (classification EM: Celeux and Govaert, 1992). Look-alikes that stand
within the bound are found by their kin beyond it. Of all these heads the one is kept that lets
least of the pool pass where it lets a given part of the labelled images pass.

Every image is judged by a head that did not learn from it, so the scores of labelled images and of
the pool can be compared.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from data_registry.arrays import Float32Array, Float64Array
from data_registry.versions.splits import stable_random_key
from labeling.open_set.prevalence import measure_passing
from labeling.teacher.cross_fitting_folds import split_group_folds
from labeling.teacher.gate import Gate, normalise_rows
from labeling.teacher.labelled import BoolArray, IntArray, LabelledImages

HEADS_IN_A_ROW = 20  # the assignment settles, or nearly so, within these
AXES = 256  # principal axes kept: the heads are some ten times faster and rank alike
REGULARISATION = 100.0  # scikit-learn's C, on unit vectors
LEAST_IN_A_FOLD = 2  # none-of-these images without which a head has nothing to learn


@dataclass(frozen=True)
class OpenImages:
    """Everything the heads see; n images in all, the labelled first, then none, then the pool.

    Attributes:
        labelled: images with a class.
        none: images of which a person said "none of the classes".
        pool: images without any word.
        features: shape (n, d), of all of them in this order.
    """

    labelled: LabelledImages
    none: tuple[str, ...]
    pool: tuple[str, ...]
    features: Float32Array

    @cached_property
    def rotated(self) -> Float64Array:
        """The features on their principal axes, see `rotate_features`; computed once."""
        return rotate_features(self.features)

    @property
    def in_pool(self) -> BoolArray:
        """Shape (n,)."""
        asked = len(self.labelled) + len(self.none)
        return np.arange(asked + len(self.pool)) >= asked


def compute_known_scores(images: OpenImages, gate: Gate, folds: IntArray) -> Float64Array | None:
    """Compute how much more like a class than like "none of these" each image is.

    Args:
        images: n of them.
        gate: beyond its bound a pool image is a reliable negative.
        folds: shape (n,), see `assign_folds`.

    Returns:
        Shape (n,), log-odds held out and not calibrated; None where the pool shows nothing, or
        hardly anything, that none of the classes could be.
    """
    heads = _Heads(images, images.rotated, folds)
    start = images.in_pool & (gate.compute_distances(images.features) > gate.bound)
    assumed, models = start, _build_models(heads.folds)
    score_history: list[Float64Array] = []
    for _ in range(HEADS_IN_A_ROW):
        if not heads.can_learn(assumed):
            return None
        logits = heads.predict_held_out(assumed, models)
        score_history.append(logsumexp(logits[:, :-1], axis=1) - logits[:, -1])
        updated = start | (images.in_pool & (logits.argmax(axis=1) == heads.none_class))
        if np.array_equal(updated, assumed):
            break
        assumed = updated
    return min(score_history, key=lambda scores: _measure_pool_passing(images, scores))


def _measure_pool_passing(images: OpenImages, scores: Float64Array) -> float:
    """Measure the part of the pool above thresholds that given parts of the labelled images pass.

    What is labelled passes equally often with every head, so less of the pool means fewer images
    that are none of the classes: the order of heads without knowing which those are.
    """
    fair = images.labelled.is_unbiased_sample
    labelled = scores[: len(images.labelled)][fair]
    parts = measure_passing(labelled, scores[images.in_pool], images.labelled.weights[fair])
    return float(parts.mean())


def _build_models(folds: IntArray) -> dict[int, LogisticRegression]:
    """Build one model for each fold; each fit starts where the one before it ended."""
    return {
        int(fold): LogisticRegression(C=REGULARISATION, max_iter=1000, warm_start=True)
        for fold in np.unique(folds)
    }


@dataclass(frozen=True)
class _Heads:
    images: OpenImages
    vectors: Float64Array
    folds: IntArray

    @property
    def none_class(self) -> int:
        return len(self.images.labelled.class_names)

    @property
    def _answered_none(self) -> BoolArray:
        return self._select_role(len(self.images.labelled), len(self.images.none))

    def _select_role(self, start: int, count: int) -> BoolArray:
        index = np.arange(len(self.vectors))
        return (index >= start) & (index < start + count)

    def can_learn(self, assumed: BoolArray) -> bool:
        none = assumed | self._answered_none
        rest = [int((none & (self.folds != fold)).sum()) for fold in np.unique(self.folds)]
        return min(rest) >= LEAST_IN_A_FOLD

    def predict_held_out(
        self, assumed: BoolArray, models: Mapping[int, LogisticRegression]
    ) -> Float64Array:
        """Predict each image by the head that did not learn from it; shape (n, classes + 1)."""
        count = len(self.images.labelled)
        classes = np.full(len(self.vectors), self.none_class)
        classes[:count] = self.images.labelled.classes
        weights = np.ones(len(self.vectors))
        weights[:count] = self.images.labelled.weights
        learns = ~self.images.in_pool | assumed
        logits = np.zeros((len(self.vectors), self.none_class + 1))
        for fold, model in models.items():
            ours, held = learns & (self.folds != fold), self.folds == fold
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(self.vectors[ours], classes[ours], weights[ours])
            logits[held] = model.decision_function(self.vectors[held])
        return logits


def assign_folds(images: OpenImages, folds: int, seed: int) -> IntArray:
    """Assign labelled images to the teacher's folds, others by their own names."""
    labelled = np.zeros(len(images.labelled), dtype=np.int64)
    for number, (_, held_out) in enumerate(split_group_folds(images.labelled, folds, seed)):
        labelled[held_out] = number
    count = int(labelled.max()) + 1
    others = [
        int(stable_random_key(seed, name), 16) % count for name in (*images.none, *images.pool)
    ]
    return np.concatenate([labelled, np.array(others, dtype=np.int64)])


def rotate_features(features: Float32Array) -> Float64Array:
    """Rotate unit vectors to their principal axes; what is left out hardly varies.

    Args:
        features: shape (n, d).

    Returns:
        Shape (n, at most `AXES`).
    """
    vectors = normalise_rows(features).astype(np.float64)
    if min(vectors.shape) <= AXES:
        return vectors
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    rotated: Float64Array = vectors @ axes[:, -AXES:]
    return rotated
