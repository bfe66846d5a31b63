"""What people's answers say of the estimates: are they too high?"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from data_registry.arrays import Float64Array
from labeling.teacher.labelled import BoolArray

_PRIOR_DEVIATION = 1.0  # of the correction, in log-odds
_LOWEST = -4.0
_EDGE = 1e-4


def fit_correction(chances: Float64Array, right: BoolArray) -> float:
    """Fit the shift of log-odds, at most 0, with which the estimates fit the answers best.

    The most probable shift under a normal prior around 0. Answers lower the estimates and never
    raise them: the images that people are asked about are the doubtful ones, and what is right
    among them says little of a looser bound.

    Args:
        chances: shape (n,), estimated chance to be right of answered images, by evidence that did
            not learn the answers.
        right: shape (n,), whether they were.

    Returns:
        Log-odds to be added, between -4 and 0.
    """
    if not len(chances):
        return 0.0
    odds = logit(np.clip(chances, _EDGE, 1 - _EDGE))

    def compute_loss(shift: float) -> float:
        shifted = expit(odds + shift)
        likelihood = np.log(np.where(right, shifted, 1 - shifted)).sum()
        return float(shift**2 / (2 * _PRIOR_DEVIATION**2) - likelihood)

    solution = minimize_scalar(compute_loss, bounds=(_LOWEST, -_LOWEST), method="bounded")
    return min(float(solution.x), 0.0)


def shift_chances(chances: Float64Array, shift: float) -> Float64Array:
    """Shift chances by log-odds; 0 leaves them as they are."""
    if shift == 0.0:
        return chances
    shifted: Float64Array = expit(logit(np.clip(chances, _EDGE**2, 1 - _EDGE**2)) + shift)
    return shifted
