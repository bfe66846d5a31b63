"""Two sources of uncertainty in an accuracy: which images were tested, and which seeds trained.

Both are sampled, so the variance of a mean over images and seeds is the variance over groups plus
the variance over seeds less what both count twice (S. R. Searle, G. Casella, C. E. McCulloch
(1992), Variance Components, chapter 4). Three seeds say little of their own variance: a bootstrap
over them ignores that, Student's t does not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float64Array

CONFIDENCE = 0.95
_MOST_SEEDS = 30  # nobody trains more


@dataclass(frozen=True, kw_only=True)
class VarianceParts:
    """Variances of a mean over groups of images and seeds, on the scale of the mean squared.

    Attributes:
        group_count: independent groups of images.
        of_groups: variance that the choice of groups causes.
        group_freedom: its degrees of freedom; fewer than the groups where their sizes differ.
        seed_count: runs of each arm.
        of_seeds: variance of the runs' means, which holds `of_both`; 0 where there is one seed.
        seed_freedom: its degrees of freedom.
        of_both: variance that neither groups nor seeds explain; each of the other two holds it.
    """

    group_count: int
    of_groups: float
    group_freedom: float
    seed_count: int
    of_seeds: float
    seed_freedom: float
    of_both: float

    @property
    def excess_of_seeds(self) -> float:
        """What the choice of seeds adds to the variance of the groups."""
        return max(self.of_seeds - self.of_both, 0.0)

    @property
    def total(self) -> float:
        """Variance of the mean, never below what the groups cause."""
        return self.of_groups + self.excess_of_seeds

    @property
    def seed_share(self) -> float:
        """Share of the variance that the seeds cause, 0-1."""
        return self.excess_of_seeds / self.total if self.total else 0.0

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `total`: F. E. Satterthwaite (1946), Biometrics Bulletin 2."""
        spread = self.of_groups**2 / self.group_freedom
        if self.seed_freedom:
            both = self.seed_freedom * max(self.group_count - 1, 1)
            spread += self.of_seeds**2 / self.seed_freedom + self.of_both**2 / both
        return max(self.total**2 / spread, 1.0) if spread else self.group_freedom

    def compute_half_width(self, confidence: float = CONFIDENCE) -> float:
        """Half the width of the mean's interval.

        Satterthwaite's approximation is too short where one part has few degrees of freedom and
        happens to be small; the sum of each part's own squared half-width is not (K. S. Banerjee
        (1960), Calcutta Stat. Assoc. Bull. 10). The wider of both holds its confidence from three
        seeds on (`python -m benchmarks.significance`).
        """
        from scipy import stats

        upper = (1 + confidence) / 2
        whole = stats.t.ppf(upper, self.freedom) ** 2 * self.total
        parts = stats.t.ppf(upper, self.group_freedom) ** 2 * self.of_groups
        if self.excess_of_seeds:
            parts += stats.t.ppf(upper, self.seed_freedom) ** 2 * self.excess_of_seeds
        return float(np.sqrt(max(whole, parts)))

    def advise_seeds(self) -> int | None:
        """Count the seeds that cause no more variance than the images do; None: these suffice."""
        if self.seed_share <= 0.5:
            return None
        wanted = self.seed_count * self.excess_of_seeds / self.of_groups if self.of_groups else 0
        return min(math.ceil(wanted), _MOST_SEEDS) if wanted else _MOST_SEEDS

    def scale_groups(self, group_count: int) -> "VarianceParts":
        """Predict the variances with another number of groups like these."""
        ratio = self.group_count / group_count
        return replace(
            self,
            group_count=group_count,
            of_groups=self.of_groups * ratio,
            group_freedom=max(self.group_freedom / ratio, 1.0),
            of_seeds=self.excess_of_seeds + self.of_both * ratio,
            of_both=self.of_both * ratio,
        )


def compute_variance_parts(
    values: Float64Array, arms: Sequence[Float64Array], sizes: npt.NDArray[np.int64]
) -> VarianceParts:
    """Compute the variances of the mean of `values`.

    Seeds are compared within each arm and not by the pair's difference: that doubles their degrees
    of freedom, and is too wide, never too short, where a seed does good or harm to both arms.

    Args:
        values: (runs, groups), sums over each group's images.
        arms: the same of each arm that `values` are made of.
        sizes: (groups,) images of each group.
    """
    count = values.shape[1]
    of_groups = _compute_variance_over_groups(values.mean(axis=0), sizes)
    shares = sizes**2.0
    freedom = max(float(shares.sum() ** 2 / (shares**2).sum()) - 1, 1.0)
    of_seeds, of_both = np.array([_compute_variances_over_seeds(arm, sizes) for arm in arms]).T
    return VarianceParts(
        group_count=count,
        of_groups=of_groups,
        group_freedom=freedom,
        seed_count=len(values),
        of_seeds=float(of_seeds.sum()),
        seed_freedom=_count_seed_freedom(of_seeds, len(values)),
        of_both=float(of_both.sum()),
    )


def _compute_variance_over_groups(sums: Float64Array, sizes: npt.NDArray[np.int64]) -> float:
    """Leave each group out in turn (jackknife), so that a large group counts as one witness."""
    count, images = len(sizes), sizes.sum()
    if count < 2:
        return 0.0
    left_out = (sums - sums.sum() / images * sizes) / (images - sizes)
    return float((count - 1) / count * (left_out**2).sum())


def _compute_variances_over_seeds(
    arm: Float64Array, sizes: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Return the variance of one arm's mean over seeds, and what is left of it without groups."""
    runs, count = arm.shape
    if runs < 2:
        return 0.0, 0.0
    images = sizes.sum()
    means = arm.sum(axis=1) / images
    of_seeds = float(means.var(ddof=1)) / runs
    gains = (arm - means[:, None] * sizes) * count / images
    left = gains - gains.mean(axis=0)
    of_both = float((left**2).sum()) / (runs - 1) / max(count - 1, 1) / (runs * count)
    return of_seeds, of_both


def _count_seed_freedom(variances: Float64Array, runs: int) -> float:
    """Half-way from one arm's degrees of freedom to B. L. Welch's (1947), which are estimated.

    Welch's own are too many where one arm's seeds vary and the other's do not: three runs often
    hide which is which.
    """
    single = float(runs - 1)
    if not variances.any():
        return single
    welch = single * variances.sum() ** 2 / (variances**2).sum()
    return float((single + welch) / 2)
