"""Links between images whose feature vectors are each other's nearest."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ROWS_AT_A_TIME = 2048


def mutual_neighbours(
    sha256s: Sequence[str], features: npt.NDArray[np.float32], similarity: float
) -> list[tuple[str, str, float]]:
    """Pairs that are mutual nearest neighbours and at least `similarity` alike.

    Mutual neighbours alone count, so that a crowd of merely similar animals does not chain into
    one group.

    Args:
        sha256s: n names, all different.
        features: shape (n, d); rows need not be normalised.
        similarity: cosine in [-1, 1].

    Returns:
        (smaller SHA-256, greater SHA-256, 1 - cosine), sorted.
    """
    if len(sha256s) < 2:
        return []
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    nearest, cosine = _nearest(unit.astype(np.float32))
    pairs = []
    for i, j in enumerate(nearest):
        if i < j and nearest[j] == i and cosine[i] >= similarity:
            first, second = sorted((sha256s[i], sha256s[int(j)]))
            pairs.append((first, second, round(float(1 - cosine[i]), 6)))
    return sorted(pairs)


def _nearest(
    unit: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Each row's most similar other row and its cosine: shapes (n,), (n,)."""
    nearest = np.empty(len(unit), dtype=np.int64)
    cosine = np.empty(len(unit), dtype=np.float32)
    for start in range(0, len(unit), ROWS_AT_A_TIME):
        block = unit[start : start + ROWS_AT_A_TIME] @ unit.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -2.0  # not its own neighbour
        nearest[start : start + len(block)] = block.argmax(axis=1)
        cosine[start : start + len(block)] = block.max(axis=1)
    return nearest, cosine
