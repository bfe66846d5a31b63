"""How near an image is to what people labelled: the plainest sign that it shows any class."""

import numpy as np

from data_registry.arrays import Float32Array, Float64Array
from labeling.open_set.open_set import OpenImages
from labeling.teacher.gate import normalise_rows
from labeling.teacher.labelled import IntArray

NEAREST = 3
_ROWS_AT_A_TIME = 4096


def compute_nearness(images: OpenImages, folds: IntArray) -> Float64Array:
    """Compute the mean cosine to the nearest labelled images of other folds.

    The pool is measured against each fold's labelled images in turn, and averaged, so that it is
    measured against as many as a labelled image is.

    Args:
        images: n of them.
        folds: shape (n,), see `labeling.open_set.open_set.assign_folds`.

    Returns:
        Shape (n,), in [-1, 1].
    """
    vectors, count = normalise_rows(images.features), len(images.labelled)
    numbers = np.unique(folds[:count])
    nearness = np.zeros(len(vectors))
    for number in numbers:
        learning = vectors[:count][folds[:count] != number]
        held_out = np.flatnonzero(folds[:count] == number)
        nearness[held_out] = _average_nearest(vectors[held_out], learning)
        nearness[count:] += _average_nearest(vectors[count:], learning) / len(numbers)
    return nearness


def _average_nearest(vectors: Float32Array, labelled: Float32Array) -> Float64Array:
    nearest = min(NEAREST, len(labelled))
    parts = [
        np.partition(vectors[start : start + _ROWS_AT_A_TIME] @ labelled.T, -nearest, axis=1)
        for start in range(0, len(vectors), _ROWS_AT_A_TIME)
    ]
    means = [part[:, -nearest:].mean(axis=1, dtype=np.float64) for part in parts]
    return np.concatenate([np.zeros(0), *means])
