"""How much of a pool the classes are, from labelled images and the pool's scores alone.

The pool is a mixture: a share of it comes from where the labelled images come from, the rest shows
none of the classes. Where labelled scores lie is known, out of fold; so the share, and with it the
chance that an image of a given score is one of the classes, can be estimated before any answer. It
stays an estimate, for it takes the pool's known images to look like the labelled ones.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from labeling.labelled import FloatArray

# At thresholds that fewer labelled images pass, the share is too uncertain to bound it.
LEAST_RECALL = 0.2
LEAST_PASSING = 10
_PULL = 1e-4  # towards a flat curve, so that scores which separate perfectly have a best one


@dataclass(frozen=True)
class KnownCurve:
    """Score to the chance that an image shows one of the classes.

    Attributes:
        share: estimated part of the pool that does.
        offset, slope: the chance is the logistic function of offset + slope * score.
    """

    share: float
    offset: float
    slope: float

    def chance(self, scores: FloatArray) -> FloatArray:
        """Shape (n,) for n scores."""
        chances: FloatArray = expit(self.offset + self.slope * scores)
        return chances


def fit_known_curve(labelled: FloatArray, pool: FloatArray, weights: FloatArray) -> KnownCurve:
    """Platt scaling from positive and unlabelled scores.

    Minimises the unbiased risk of positive-unlabelled learning with the logistic loss (du
    Plessis, Niu and Sugiyama, 2015), which is convex here.

    Args:
        labelled: shape (n,), held-out scores of labelled images.
        pool: shape (m,), held-out scores of the pool.
        weights: shape (n,), of the labelled images.
    """
    share = known_share(labelled, pool, weights)
    centre, spread = float(pool.mean()), float(pool.std()) or 1.0
    known, mixed = (labelled - centre) / spread, (pool - centre) / spread

    def risk(place: FloatArray) -> float:
        of_known, of_mixed = place[0] + place[1] * known, place[0] + place[1] * mixed
        # loss(+1) - loss(-1) of the logistic loss is minus the margin.
        linear = -share * float(np.average(of_known, weights=weights))
        return linear - float(log_expit(-of_mixed).mean()) + _PULL * float(place @ place)

    found = minimize(risk, np.array([0.0, 1.0]), method="BFGS")
    slope = max(float(found.x[1]), 0.0) / spread
    return KnownCurve(share, float(found.x[0]) - slope * centre, slope)


def known_share(labelled: FloatArray, pool: FloatArray, weights: FloatArray) -> float:
    """The largest part of the pool that could come from where the labelled images come from.

    Above any threshold the pool must hold at least its known part: share * recall of the labelled
    images. The threshold that leaves least room decides (Scott, 2015, from a finite sample).

    Args:
        labelled: shape (n,), held-out scores.
        pool: shape (m,), held-out scores.
        weights: shape (n,), of the labelled images.
    """
    order = np.argsort(-labelled, kind="stable")
    recall = np.cumsum(weights[order]) / weights.sum()
    passing = 1 - np.searchsorted(np.sort(pool), labelled[order], side="left") / len(pool)
    enough = (recall >= LEAST_RECALL) & (np.arange(len(order)) + 1 >= LEAST_PASSING)
    room = passing[enough] / recall[enough]
    return float(min(room.min(initial=1.0), 1.0))
