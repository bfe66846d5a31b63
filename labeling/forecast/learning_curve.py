"""Learning curves: a head's out-of-fold accuracy by the number of images it learnt from."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from data_registry.arrays import Float32Array, Float64Array
from data_registry.progress import Progress, report_phase
from data_registry.versions.splits import stable_random_key
from labeling.open_set.evidence import LEAST_LABELLED
from labeling.open_set.open_set import REGULARISATION, rotate_features
from labeling.teacher.cross_fitting_folds import split_group_folds
from labeling.teacher.labelled import BoolArray, IntArray, LabelledImages

PARTS = (0.2, 0.3, 0.45, 0.67, 1.0)  # of each class's groups that a head may learn from
SEEDS = (0, 1, 2)
FOLDS = 5
MOST_IMAGES = 2000  # looked at; with more a forecast would take minutes


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """What was measured on n labelled images; those of the review queue taught, and are not among.

    Attributes:
        wrong: shape (seeds, sizes, n), whether a head that did not learn image i was wrong.
        sizes: shape (sizes, classes), images of each class that such a head learnt from, on
            average over folds; copies count as one.
        classes: shape (n,).
        groups: n names.
        weights: shape (n,), 1 for all copies of an image together.
        class_names: of `classes`.
        known: shape (classes,), labelled images of each class that there are, copies as one; more
            than were looked at where there are more than `MOST_IMAGES`.
    """

    wrong: BoolArray
    sizes: Float64Array
    classes: IntArray
    groups: tuple[str, ...]
    weights: Float64Array
    class_names: tuple[str, ...]
    known: Float64Array


def measure_learning_curve(
    labelled: LabelledImages, features: Float32Array, progress: Progress
) -> LearningCurve | None:
    """Fit heads on growing parts of the labelled images and measure their errors out of fold.

    Args:
        labelled: the images.
        features: shape (n, d), theirs.
        progress: told of every head.

    Returns:
        None where too few images were labelled for it to mean anything.
    """
    known = _count_images(labelled, np.arange(len(labelled)))
    chosen = _sample_images(labelled)
    labelled, vectors = labelled.select_rows(chosen), rotate_features(features[chosen])
    fair = labelled.is_unbiased_sample
    if fair.sum() < LEAST_LABELLED:
        return None
    wrong = np.zeros((len(SEEDS), len(PARTS), len(labelled)), dtype=np.bool_)
    sizes: list[list[Float64Array]] = [[] for _ in PARTS]
    with report_phase(progress, "learning curve", len(SEEDS) * FOLDS * len(PARTS)):
        for row, seed in enumerate(SEEDS):
            for learning, held_out in split_group_folds(labelled, FOLDS, seed):
                for column, part in enumerate(PARTS):
                    rows = _select_part(labelled, learning, part, seed)
                    predicted = _predict_classes(labelled, vectors, rows, held_out)
                    wrong[row, column, held_out] = predicted != labelled.classes[held_out]
                    sizes[column].append(_count_images(labelled, rows))
                    progress.advance()
    return LearningCurve(
        wrong=wrong[:, :, fair],
        sizes=np.array([np.mean(counts, axis=0) for counts in sizes]),
        classes=labelled.classes[fair],
        groups=tuple(np.array(labelled.groups)[fair].tolist()),
        weights=labelled.weights[fair],
        class_names=labelled.class_names,
        known=known,
    )


def _sample_images(labelled: LabelledImages) -> IntArray:
    """Sample at most `MOST_IMAGES` images: whole groups, every class in proportion."""
    everything = np.arange(len(labelled))
    if len(labelled) <= MOST_IMAGES:
        return everything
    return _select_part(labelled, everything, MOST_IMAGES / len(labelled), seed=0)


def _select_part(labelled: LabelledImages, rows: IntArray, part: float, seed: int) -> IntArray:
    """Select the rows whose group comes early in its class's random order; at least 2 groups."""
    groups_of: dict[int, set[str]] = defaultdict(set)
    for row in rows.tolist():
        groups_of[int(labelled.classes[row])].add(labelled.groups[row])
    selected: set[str] = set()
    for groups in groups_of.values():
        ordered = sorted(groups, key=lambda name: stable_random_key(seed, f"curve:{name}"))
        selected.update(ordered[: max(round(part * len(ordered)), 2)])
    return rows[[labelled.groups[row] in selected for row in rows.tolist()]]


def _predict_classes(
    labelled: LabelledImages, vectors: Float64Array, learning: IntArray, asked: IntArray
) -> IntArray:
    model = LogisticRegression(C=REGULARISATION, max_iter=200, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors[learning], labelled.classes[learning], labelled.weights[learning])
    predicted: IntArray = model.predict(vectors[asked]).astype(np.int64)
    return predicted


def _count_images(labelled: LabelledImages, rows: Sequence[int] | IntArray) -> Float64Array:
    part = labelled.select_rows(np.asarray(rows, dtype=np.int64))
    counts = np.bincount(part.classes, part.weights, minlength=len(labelled.class_names))
    return np.asarray(counts, dtype=np.float64)
