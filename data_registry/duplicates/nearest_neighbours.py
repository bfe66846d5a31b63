"""Find pairs of images of which one's feature vector is among the other's nearest."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float32Array

ROWS_AT_A_TIME = 1024
COLUMNS_AT_A_TIME = 16_384

Indices = npt.NDArray[np.int64]


def find_near_pairs(
    sha256s: Sequence[str],
    features: Float32Array,
    similarity: float,
    neighbours: int,
    families: Sequence[int] | Indices | None = None,
) -> list[tuple[str, str, float]]:
    """Find pairs with at least this similarity, of which one is among the other's nearest.

    Memory does not grow with the square of n. The order of the images does not matter.

    Args:
        sha256s: n names, all different.
        features: shape (n, d); rows need not be normalised.
        similarity: cosine in [-1, 1].
        neighbours: how many of an image's nearest count.
        families: n numbers; images with one number are known to belong together and are no
            neighbours: otherwise the duplicates of a photo would fill its list.

    Returns:
        (smaller SHA-256, greater SHA-256, 1 - cosine), sorted.
    """
    order = sorted(range(len(sha256s)), key=sha256s.__getitem__)
    names = [sha256s[index] for index in order]
    unit = _normalise_rows(features[order]) if order else features
    family = np.arange(len(order)) if families is None else np.asarray(families)[order]
    near, cosine = find_nearest(unit, family, neighbours)
    ones, columns = np.nonzero((near >= 0) & (cosine >= similarity))
    found: dict[tuple[int, int], float] = {}
    for one, column in zip(ones.tolist(), columns.tolist(), strict=True):
        other = int(near[one, column])
        pair = (min(one, other), max(one, other))
        distance = round(float(1 - cosine[one, column]), 6)
        found[pair] = min(distance, found.get(pair, distance))
    return sorted((names[one], names[other], distance) for (one, other), distance in found.items())


def _normalise_rows(features: Float32Array) -> Float32Array:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit: Float32Array = (features / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def find_nearest(unit: Float32Array, family: Indices, count: int) -> tuple[Indices, Float32Array]:
    """Find each row's nearest rows of other families.

    Args:
        unit: shape (n, d), rows of length 1.
        family: shape (n,), see `find_near_pairs`.
        count: of neighbours.

    Returns:
        Indices and cosines, both of shape (n, count); where there are fewer, indices are -1.
    """
    near = np.full((len(unit), count), -1, dtype=np.int64)
    cosine = np.full((len(unit), count), -2.0, dtype=np.float32)
    for start in range(0, len(unit), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        for left in range(0, len(unit), COLUMNS_AT_A_TIME):
            columns = slice(left, left + COLUMNS_AT_A_TIME)
            alike = unit[rows] @ unit[columns].T
            alike[family[rows, None] == family[None, columns]] = -2.0
            indices, values = _select_greatest(alike, count)
            near[rows], cosine[rows] = _merge_nearest(
                near[rows], cosine[rows], np.where(values > -2.0, indices + left, -1), values
            )
    return near, cosine


def _select_greatest(alike: Float32Array, count: int) -> tuple[Indices, Float32Array]:
    count = min(count, alike.shape[1])
    indices = np.argpartition(-alike, count - 1, axis=1)[:, :count]
    return indices.astype(np.int64), np.take_along_axis(alike, indices, axis=1)


def _merge_nearest(
    near: Indices, cosine: Float32Array, indices: Indices, values: Float32Array
) -> tuple[Indices, Float32Array]:
    """Merge two lists, each of shape (rows, any), to the best; ties go to the smaller index."""
    count = near.shape[1]
    indices, values = np.hstack([near, indices]), np.hstack([cosine, values])
    best = np.lexsort((indices, -values), axis=1)[:, :count]
    return np.take_along_axis(indices, best, axis=1), np.take_along_axis(values, best, axis=1)
