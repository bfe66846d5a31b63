"""How few errors are left when the model may keep silent where it is unsure."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float64Array


@dataclass(frozen=True)
class RiskCoverage:
    """Errors among the surest part of the images, for every part.

    Source: R. El-Yaniv, Y. Wiener (2010), J. Mach. Learn. Res. 11.

    Attributes:
        coverage: (n,) shares of the images that are answered, growing up to 1.
        risk: (n,) shares of errors among those.
        confidence: (n,) the least confidence among those.
    """

    coverage: Float64Array = field(repr=False)
    risk: Float64Array = field(repr=False)
    confidence: Float64Array = field(repr=False)

    @property
    def area(self) -> float:
        """Mean risk over all coverages: 0 where nothing is wrong, small where errors are unsure."""
        return float(self.risk.mean())

    def find_coverage(self, risk: float) -> tuple[float, float]:
        """Find the largest coverage with at most this risk, and its confidence; else 0, 1."""
        good = np.flatnonzero(self.risk <= risk)
        if not len(good):
            return 0.0, 1.0
        return float(self.coverage[good[-1]]), float(self.confidence[good[-1]])


def compute_risk_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> RiskCoverage:
    """Compute the curve of n predictions, n at least 1.

    Equally sure images come together: each counts with their mean, whatever their order.

    Args:
        confidence: (n,).
        correct: (n,) booleans.
    """
    sure, wrong = np.asarray(confidence, dtype=np.float64), ~np.asarray(correct, dtype=np.bool_)
    _, place, counts = np.unique(-sure, return_inverse=True, return_counts=True)
    mean_of_tie = np.bincount(place, weights=wrong) / counts
    errors = np.repeat(mean_of_tie, counts)
    number = np.arange(1, len(sure) + 1)
    return RiskCoverage(number / len(sure), np.cumsum(errors) / number, -np.sort(-sure))
