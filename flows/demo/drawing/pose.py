"""Where an animal floats and how it is turned, and how its body projects onto the picture."""

from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float32Array, Float64Array
from flows.demo.drawing.canvas import Points


@dataclass(frozen=True)
class Pose:
    """An orthographic view of a body whose axis points from mouth to crown.

    Attributes:
        x, y: the body's centre in pixels.
        scale: pixels per unit of the body (a bell's radius is 1).
        turn: (3, 3) rotation from body to camera axes: right, down, towards the viewer.
    """

    x: float
    y: float
    scale: float
    turn: Float32Array

    def project(self, points: Float32Array) -> Points:
        """Project body points (..., 3) to pixels (..., 2)."""
        flat = points @ self.turn[:2].T
        return np.asarray(flat * self.scale + np.array([self.x, self.y]), dtype=np.float32)

    @property
    def crown_faces_viewer(self) -> bool:
        """Whether the crown, not the mouth, is on the near side."""
        return bool(self.turn[2, 2] > 0)


def choose_pose(
    rng: np.random.Generator, height: int, width: int, sizes: tuple[float, float], tilt: float
) -> Pose:
    """Choose a random place, size, and turn.

    Args:
        rng: the source of chance.
        height, width: of the picture in pixels.
        sizes: smallest and largest body radius, as a share of the shorter side.
        tilt: angle between the body's axis and the line of sight in radians; 0 shows the crown.
    """
    shorter = min(height, width)
    x = width * (0.5 + np.clip(rng.normal(0, 0.08), -0.2, 0.2))
    y = height * (0.45 + np.clip(rng.normal(0, 0.07), -0.2, 0.2))
    roll = rng.normal(0, 0.5) if rng.random() < 0.85 else rng.uniform(-np.pi, np.pi)
    turn = (
        _rotate_about_sight(roll)
        @ _rotate_about_right(tilt)
        @ _rotate_about_sight(rng.uniform(0, 2 * np.pi))
    )
    return Pose(x, y, shorter * rng.uniform(*sizes), turn.astype(np.float32))


def _rotate_about_sight(angle: float) -> Float64Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _rotate_about_right(angle: float) -> Float64Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
