"""How much of a pool the classes are, from labelled images and the pool's scores alone.

The pool is a mixture: a share of it comes from where the labelled images come from, the rest shows
none of the classes. Where labelled scores lie is known, out of fold; so the share, and with it the
chance that an image of a given score is one of the classes, can be estimated before any answer. It
stays an estimate, for it takes the pool's known images to look like the labelled ones.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from data_registry.arrays import Float64Array

RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of labelled images: fewer would leave too few to count
# The lowest of several noisy ratios is too low. These standard errors make up for it; chosen on
# jellyfish and pizza_steak_sushi, where the share is 1.
STANDARD_ERRORS = 1.5
_ROOM_RECALLS = np.linspace(0.3, 0.97, 30)
_LEAST_RECALL = 0.02
_LEAST_VARIANCE = 1e-4


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
        the logistic curve alone is too stiff.
        """
        steps = np.interp(scores, self.scores, self.chances)
        chances: Float64Array = (steps + expit(self.offset + self.slope * scores)) / 2
        return chances


def fit_prevalence_curve(
    labelled: Float64Array, pool: Float64Array, weights: Float64Array, share: float | None = None
) -> PrevalenceCurve:
    """Fit the chance, share * density of labelled scores / density of the pool's, which grows.

    The ratio of densities comes from isotonic regression of "labelled or pool" on the score, which
    assumes no shape; a logistic curve through its steps keeps the order within a step.

    Args:
        labelled: shape (n,), held-out scores of labelled images.
        pool: shape (m,), held-out scores of the pool.
        weights: shape (n,), of the labelled images.
        share: part of the pool that shows one of the classes; None: estimated from these scores.
    """
    if share is None:
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
    chances = np.clip(values / np.maximum(1 - values, doubt), doubt, 1 - doubt)
    offset, slope = _fit_logistic(pool, np.interp(pool, centres, chances))
    return PrevalenceCurve(share=share, scores=centres, chances=chances, offset=offset, slope=slope)


def _fit_logistic(scores: Float64Array, chances: Float64Array) -> tuple[float, float]:
    """Fit the offset and slope that come nearest to the chances, by cross-entropy."""
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    standard = (scores - centre) / spread

    def compute_loss(parameters: Float64Array) -> float:
        logits = parameters[0] + parameters[1] * standard
        return float((np.logaddexp(0, logits) - chances * logits).mean())

    solution = minimize(compute_loss, np.array([0.0, 1.0]), method="BFGS")
    slope = max(float(solution.x[1]), 0.0) / spread
    return float(solution.x[0]) - slope * centre, slope


def estimate_prevalence(labelled: Float64Array, pool: Float64Array, weights: Float64Array) -> float:
    """Estimate the largest part of the pool that could come from the labelled images' source.

    Above any threshold the pool must hold at least its known part: share * recall of the labelled
    images. The threshold that leaves least room decides (Scott, 2015). Both parts are counted on
    finite samples, so each gets the benefit of `STANDARD_ERRORS`.

    Args:
        labelled: shape (n,), held-out scores.
        pool: shape (m,), held-out scores.
        weights: shape (n,), of the labelled images.
    """
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    order = np.argsort(-labelled, kind="stable")
    passed = np.cumsum(weights[order]) / weights.sum()
    last = np.minimum(np.searchsorted(passed, _ROOM_RECALLS - 1e-9), len(order) - 1)
    recalls, bounds = passed[last], labelled[order][last]
    parts = (pool[None, :] >= bounds[:, None]).mean(axis=1)
    least = recalls - STANDARD_ERRORS * np.sqrt(recalls * (1 - recalls) / effective)
    most = parts + STANDARD_ERRORS * np.sqrt(
        np.maximum(parts * (1 - parts), _LEAST_VARIANCE) / len(pool)
    )
    return min(1.0, float((most / np.maximum(least, _LEAST_RECALL)).min()))


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
