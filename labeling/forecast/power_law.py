"""Power laws through learning curves: error = floor + scale * size ^ -exponent.

Learning curves follow inverse power laws closely enough to say how many more images are wanted
(Figueroa, Zeng-Treitler, Kandula and Ngo, BMC Medical Informatics and Decision Making 12:8, 2012).
"""

from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float64Array

EXPONENTS = np.linspace(0.1, 1.5, 15)


@dataclass(frozen=True)
class PowerLaws:
    """One law for each fitted curve.

    Attributes:
        floor, scale, exponent: shape (curves,); none is negative, so more images never harm.
    """

    floor: Float64Array
    scale: Float64Array
    exponent: Float64Array

    def predict_error(self, size: float) -> Float64Array:
        """Predict the error at a size above 0; shape (curves,)."""
        errors: Float64Array = self.floor + self.scale * size**-self.exponent
        return errors


def fit_power_laws(sizes: Float64Array, errors: Float64Array) -> PowerLaws:
    """Fit by least squares, weighted by size: larger sizes say more of what comes.

    Floor and scale have a closed solution for each exponent; the exponent is tried.

    Args:
        sizes: shape (s,), growing, above 0.
        errors: shape (curves, s), in [0, 1].
    """
    weights = sizes / sizes.sum()
    fits = [_fit(sizes**-exponent, errors, weights) for exponent in EXPONENTS]
    costs = np.array([cost for _, _, cost in fits])
    best = costs.argmin(axis=0)
    floors = np.array([floor for floor, _, _ in fits])
    scales = np.array([scale for _, scale, _ in fits])
    curves = np.arange(errors.shape[0])
    return PowerLaws(floors[best, curves], scales[best, curves], EXPONENTS[best])


def _fit(
    basis: Float64Array, errors: Float64Array, weights: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Fit floor and scale, both at least 0; return them and the cost, each of shape (curves,)."""
    mean_basis, mean_error = weights @ basis, errors @ weights
    spread = weights @ (basis - mean_basis) ** 2
    scale = ((errors - mean_error[:, None]) @ (weights * (basis - mean_basis))) / spread
    floor = mean_error - scale * mean_basis
    through_zero = (errors @ (weights * basis)) / (weights @ basis**2)
    scale = np.where(floor < 0, through_zero, scale)
    floor = np.where(scale < 0, mean_error, np.maximum(floor, 0.0))
    scale = np.maximum(scale, 0.0)
    residual = errors - floor[:, None] - scale[:, None] * basis[None, :]
    return floor, scale, residual**2 @ weights
