"""Label propagation: what the pool's own structure says of each image.

Images that lie close together in feature space mostly show the same thing. Each image passes what
is believed of it on to its nearest neighbours, again and again, while a part of its own belief
stays (Zhou et al., "Learning with Local and Global Consistency", 2004). So a cluster of the pool
that only touches the labelled images is named as a whole, and a look-alike among its own kind is
told from the class that it resembles.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from data_registry.arrays import Float64Array
from data_registry.duplicates.nearest_neighbours import find_nearest
from labeling.teacher.labelled import BoolArray, IntArray

NEIGHBOURS = 10
SPREAD = 0.8  # part of an image's belief that comes from its neighbours
STEPS = 30  # what is left of the start after these is 0.8^30, a thousandth
SHARPNESS = 3  # power of the cosine: near neighbours count more


def propagate_beliefs(
    vectors: Float64Array,
    families: Sequence[int] | IntArray,
    beliefs: Float64Array,
    *,
    known: Float64Array,
    folds: IntArray,
    is_known: BoolArray,
) -> Float64Array:
    """Propagate beliefs once a fold, each time without what people said of that fold.

    Args:
        vectors: shape (n, d), features of labelled images and pool.
        families: n numbers; images with one number are duplicates, and no neighbours.
        beliefs: shape (n, k), chances by other evidence, held out for images that people named.
        known: shape (n, k), one-hot where people named an image; other rows are not read.
        folds: shape (n,), which fold an image is held out in.
        is_known: shape (n,), whether people named it.

    Returns:
        Shape (n, k), rows sum to 1: of images that people named as the fold says that did not
        hear their word, of others the mean over the folds.
    """
    graph = build_graph(vectors, families)
    numbers = np.unique(folds[is_known])
    mean = np.zeros_like(beliefs)
    for number in numbers:
        held_out = is_known & (folds == number)
        start = np.where((is_known & ~held_out)[:, None], known, beliefs)
        spread = _spread(graph, start)
        mean[held_out] = spread[held_out]
        mean[~is_known] += spread[~is_known] / len(numbers)
    normalised: Float64Array = mean / np.maximum(mean.sum(axis=1, keepdims=True), 1e-12)
    return normalised


def build_graph(vectors: Float64Array, families: Sequence[int] | IntArray) -> sparse.csr_matrix:
    """Build the symmetrically normalised graph of nearest neighbours, shape (n, n)."""
    near, cosine = find_nearest(
        vectors.astype(np.float32), np.asarray(families, dtype=np.int64), NEIGHBOURS
    )
    rows, columns = np.nonzero(near >= 0)
    weights = np.maximum(cosine[rows, columns].astype(np.float64), 0.0) ** SHARPNESS
    count = len(vectors)
    one_way = sparse.csr_matrix((weights, (rows, near[rows, columns])), (count, count))
    both = one_way + one_way.T
    degrees = np.asarray(both.sum(axis=1)).ravel()
    scale = sparse.diags(1 / np.sqrt(np.maximum(degrees, 1e-12)))
    return sparse.csr_matrix(scale @ both @ scale)


def _spread(graph: sparse.csr_matrix, start: Float64Array) -> Float64Array:
    spread = start
    for _ in range(STEPS):
        spread = SPREAD * (graph @ spread) + (1 - SPREAD) * start
    return spread
