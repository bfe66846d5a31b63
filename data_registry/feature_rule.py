"""What ties two images together whose features are alike."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureRule:
    """What two images need to be linked by features.

    Attributes:
        similarity: cosine of their vectors. How high it is for different photos of one kind
            depends on the backbone, so it only spares comparisons.
        neighbours: each must be among this many nearest of the other.
        points: places that one affine map must carry from one to the other.
        correlation: of the pixels that this map lays on each other.
    """

    similarity: float = 0.5
    neighbours: int = 10
    points: int = 8
    correlation: float = 0.8

    def confirms(self, points: int, correlation: float) -> bool:
        """Whether a comparison (`data_registry.geometry.Agreement`) shows copies."""
        return points >= self.points and correlation >= self.correlation
