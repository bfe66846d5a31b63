"""What ties two images together whose features are alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # OpenCV loads with it, which commands that compare nothing need not wait for
    from data_registry.duplicates.geometry import Agreement


@dataclass(frozen=True)
class MatchThresholds:
    """What two images need to be linked by features.

    Attributes:
        similarity: cosine of their vectors. How high it is for different photos of one kind
            depends on the backbone, so it only spares comparisons.
        neighbours: one must be among this many nearest of the other. Asking it of both would miss
            small crops of photos that have many like them.
        points: places that one affine map must carry from one to the other.
        share: of the points of both that should then be found, the share that is. Among similar
            photographs of jellyfish and 26 other kinds copies have 0.13 and more; others 0.06 and
            less, but for one pair of 0.105.
        correlation: of the pixels that this map lays on each other.
    """

    similarity: float = 0.4
    neighbours: int = 15
    points: int = 8
    share: float = 0.1
    correlation: float = 0.7

    def confirms(self, found: Agreement) -> bool:
        """Whether a comparison shows copies."""
        enough = found.points >= self.points and found.share >= self.share
        return enough and found.correlation >= self.correlation
