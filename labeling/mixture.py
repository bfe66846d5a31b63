"""How much of a pool the classes are, from labelled images and the pool's scores alone.

The pool is a mixture: a share of it comes from where the labelled images come from, the rest shows
none of the classes. Where labelled scores lie is known, out of fold; so the share, and with it the
chance that an image of a given score is one of the classes, can be estimated before any answer. It
stays an estimate, for it takes the pool's known images to look like the labelled ones.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from labeling.labelled import FloatArray

RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of labelled images: fewer would leave too few to count


@dataclass(frozen=True)
class KnownCurve:
    """Score to the chance that an image shows one of the classes.

    Attributes:
        share: estimated part of the pool that does.
        scores: shape (k,), growing.
        chances: shape (k,), growing; between the scores they are joined by lines.
    """

    share: float
    scores: FloatArray
    chances: FloatArray

    def chance(self, scores: FloatArray) -> FloatArray:
        """Shape (n,) for n scores."""
        chances: FloatArray = np.interp(scores, self.scores, self.chances)
        return chances


def fit_known_curve(labelled: FloatArray, pool: FloatArray, weights: FloatArray) -> KnownCurve:
    """The chance is share * density of labelled scores / density of the pool's, and grows.

    The ratio of densities comes from isotonic regression of "labelled or pool" on the score: no
    shape is assumed but that a higher score never means a lower chance.

    Args:
        labelled: shape (n,), held-out scores of labelled images.
        pool: shape (m,), held-out scores of the pool.
        weights: shape (n,), of the labelled images.
    """
    share = known_share(labelled, pool, weights)
    scores = np.concatenate([labelled, pool])
    is_labelled = np.concatenate([np.ones(len(labelled)), np.zeros(len(pool))])
    mass = np.concatenate([share * weights / weights.sum(), np.full(len(pool), 1 / len(pool))])
    part = IsotonicRegression(out_of_bounds="clip").fit(scores, is_labelled, mass).predict(scores)
    values, block = np.unique(part, return_inverse=True)
    total = np.bincount(block, mass)
    centres = np.bincount(block, mass * scores) / total
    # As many images cannot show that a chance is nearer to 1, or to 0, than this.
    doubt = 1 / (float(weights.sum()) + 2)
    odds = values / np.maximum(1 - values, doubt)
    return KnownCurve(share, centres, np.clip(odds, doubt, 1 - doubt))


def known_share(labelled: FloatArray, pool: FloatArray, weights: FloatArray) -> float:
    """The largest part of the pool that could come from where the labelled images come from.

    Above any threshold the pool must hold at least its known part: share * recall of the labelled
    images. The threshold that leaves least room decides (Scott, 2015, from a finite sample).

    Args:
        labelled: shape (n,), held-out scores.
        pool: shape (m,), held-out scores.
        weights: shape (n,), of the labelled images.
    """
    room = passing(labelled, pool, weights) / np.array(RECALLS)
    return min(1.0, float(room.min()))


def passing(labelled: FloatArray, pool: FloatArray, weights: FloatArray) -> FloatArray:
    """Part of the pool above the thresholds that given parts of the labelled images pass.

    Args:
        labelled: shape (n,), held-out scores.
        pool: shape (m,), held-out scores.
        weights: shape (n,), of the labelled images.

    Returns:
        One for each of `RECALLS`.
    """
    order = np.argsort(-labelled, kind="stable")
    recall = np.cumsum(weights[order]) / weights.sum()
    bounds = [labelled[order][np.searchsorted(recall, part - 1e-9)] for part in RECALLS]
    return np.array([float((pool >= bound).mean()) for bound in bounds])
