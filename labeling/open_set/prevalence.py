"""Prevalence: the share of the pool that belongs to the classes, estimated without answers.

The pool is a mixture: a share of it comes from where the labelled images come from, the rest shows
none of the classes. Where labelled scores lie is known, out of fold; so the share, and with it the
chance that an image of a given score is one of the classes, can be estimated before any answer. It
stays an estimate, for it takes the pool's known images to look like the labelled ones.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from sklearn.isotonic import IsotonicRegression

from data_registry.arrays import Float64Array

RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of labelled images: fewer would leave too few to count
_PULL = 1e-4  # towards a flat curve, so that scores which separate perfectly have a best one


@dataclass(frozen=True, kw_only=True)
class PrevalenceCurve:
    """Score to the chance that an image shows one of the classes.

    Attributes:
        share: estimated part of the pool that does.
        scores: shape (k,), growing.
        chances: shape (k,), growing; between the scores they are joined by lines.
        offset, slope: of a logistic curve.
    """

    share: float
    scores: Float64Array
    chances: Float64Array
    offset: float
    slope: float

    def compute_chance(self, scores: Float64Array) -> Float64Array:
        """Compute the mean of both curves; shape (n,) for n scores.

        The steps alone would call the best third of a pool equally likely, and lose its order;
        the logistic curve alone is too stiff, and doubts nearly everything.
        """
        steps = np.interp(scores, self.scores, self.chances)
        chances: Float64Array = (steps + expit(self.offset + self.slope * scores)) / 2
        return chances


def fit_prevalence_curve(
    labelled: Float64Array, pool: Float64Array, weights: Float64Array
) -> PrevalenceCurve:
    """Fit the chance, share * density of labelled scores / density of the pool's, which grows.

    Estimated twice: the ratio of densities by isotonic regression of "labelled or pool" on the
    score, which assumes no shape; and by Platt scaling from positive and unlabelled scores.

    Args:
        labelled: shape (n,), held-out scores of labelled images.
        pool: shape (m,), held-out scores of the pool.
        weights: shape (n,), of the labelled images.
    """
    share = estimate_prevalence(labelled, pool, weights)
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
    offset, slope = _fit_logistic(labelled, pool, weights, share)
    return PrevalenceCurve(
        share=share,
        scores=centres,
        chances=np.clip(odds, doubt, 1 - doubt),
        offset=offset,
        slope=slope,
    )


def _fit_logistic(
    labelled: Float64Array, pool: Float64Array, weights: Float64Array, share: float
) -> tuple[float, float]:
    """Fit offset and slope with the least risk of positive-unlabelled learning.

    With the logistic loss this risk is unbiased and convex (du Plessis, Niu and Sugiyama, 2015).
    """
    centre, spread = float(pool.mean()), float(pool.std()) or 1.0
    known, mixed = (labelled - centre) / spread, (pool - centre) / spread

    def compute_risk(parameters: Float64Array) -> float:
        offset, slope = parameters
        of_known, of_mixed = offset + slope * known, offset + slope * mixed
        # loss(+1) - loss(-1) of the logistic loss is minus the margin.
        linear = -share * float(np.average(of_known, weights=weights))
        return linear - float(log_expit(-of_mixed).mean()) + _PULL * float(parameters @ parameters)

    solution = minimize(compute_risk, np.array([0.0, 1.0]), method="BFGS")
    slope = max(float(solution.x[1]), 0.0) / spread
    return float(solution.x[0]) - slope * centre, slope


def estimate_prevalence(labelled: Float64Array, pool: Float64Array, weights: Float64Array) -> float:
    """Estimate the largest part of the pool that could come from the labelled images' source.

    Above any threshold the pool must hold at least its known part: share * recall of the labelled
    images. The threshold that leaves least room decides (Scott, 2015, from a finite sample).

    Args:
        labelled: shape (n,), held-out scores.
        pool: shape (m,), held-out scores.
        weights: shape (n,), of the labelled images.
    """
    room = measure_passing(labelled, pool, weights) / np.array(RECALLS)
    return min(1.0, float(room.min()))


def measure_passing(
    labelled: Float64Array, pool: Float64Array, weights: Float64Array
) -> Float64Array:
    """Measure the part of the pool above thresholds that given parts of the labelled images pass.

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
