"""Thresholds for two images to be linked, by hashes and by features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loads OpenCV, which commands that compare nothing do not need
    from data_registry.duplicates.geometry import Agreement

LARGEST_GROUP = 50  # images; a person checks a larger group


@dataclass(frozen=True)
class Radii:
    """The largest distances at which two images count as duplicates, in differing bits of 64.

    A pair needs both: pHash finds it, dHash in the same orientation confirms it. Among 1,248
    photographs of 26 classes the defaults link 15 pairs, one of them wrongly (two round things on
    white paper).
    """

    phash: int = 8
    dhash: int = 12

    @classmethod
    def from_phash(cls, phash: int) -> Radii:
        """Build radii from that of pHash, with dHash in the proportion of the defaults."""
        return cls(phash, phash * cls.dhash // cls.phash)


@dataclass(frozen=True, kw_only=True)
class MatchThresholds:
    """The thresholds that two images must meet to be linked by features.

    Attributes:
        similarity: cosine of their vectors. Its value for different photos of one class depends on
            the backbone, so it only saves comparisons.
        neighbours: one must be among this many nearest of the other. Requiring it of both would
            miss small crops of photos that have many similar ones.
        points: number of points that one affine map must carry from one to the other.
        share: share of the points inside both images that agree. Among similar photographs of
            jellyfish and 26 other classes duplicates have 0.13 and more; others 0.06 and less, but
            for one pair of 0.105.
        correlation: of the pixels that this map puts on each other.
    """

    similarity: float = 0.4
    neighbours: int = 15
    points: int = 8
    share: float = 0.1
    correlation: float = 0.7

    def is_met_by(self, found: Agreement) -> bool:
        """Whether a comparison shows duplicates."""
        enough = found.points >= self.points and found.share >= self.share
        return enough and found.correlation >= self.correlation
