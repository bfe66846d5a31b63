"""Coordinates of curves and dots in the page's SVG charts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 40


@dataclass(frozen=True)
class Chart:
    """A rectangle of values on a rectangle of pixels.

    Attributes:
        x_low, x_high, y_low, y_high: values at the edges.
    """

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    width, height = WIDTH, HEIGHT
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM

    def x(self, value: float) -> float:
        """Convert a value to pixels from the left; clip it at the edge."""
        return _interpolate(value, self.x_low, self.x_high, self.left, self.right)

    def y(self, value: float) -> float:
        """Convert a value to pixels from the top."""
        return _interpolate(value, self.y_low, self.y_high, self.bottom, self.top)

    def format_points(self, points: Iterable[tuple[float, float]]) -> str:
        """Format the points of a polyline."""
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)

    @property
    def x_ticks(self) -> list[float]:
        """Round values along the bottom."""
        return choose_ticks(self.x_low, self.x_high)

    @property
    def y_ticks(self) -> list[float]:
        """Round values along the left."""
        return choose_ticks(self.y_low, self.y_high)


def choose_ticks(low: float, high: float) -> list[float]:
    """Choose four to six round values from low to high."""
    rough = (high - low) / 5
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.99)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def round_down_to_tenth(values: Sequence[float]) -> float:
    """Round the smallest value down to a tenth; 0.9 at most, so that 1 stands apart."""
    return max(min(math.floor(10 * min(values, default=0.9)) / 10, 0.9), 0.0)


def _interpolate(value: float, low: float, high: float, start: float, end: float) -> float:
    share = (min(max(value, low), high) - low) / (high - low)
    return start + share * (end - start)
