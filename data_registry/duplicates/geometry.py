"""Test whether one affine map carries points of one image to the other: the same photograph.

Two animals of a species look alike to a network, but the spots, folds and bubbles of one photograph
are not at the same positions in another. Points are matched by Lowe's ratio test, in the image as
it is and mirrored. RANSAC (Fischler and Bolles, CACM 1981) finds the map that most matches agree
on. The pixels under that map must correlate too.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float64Array
from data_registry.duplicates.local_features import (
    Descriptors,
    Greys,
    LocalFeatures,
    Points,
    mirror_descriptors,
    normalise_descriptors,
)

_RATIO = 0.85  # distance of the nearest over that of the second nearest
_REACH = 4.0  # pixels: the largest error of a mapped point
_TRIES = 2000
_CONFIDENCE = 0.999
_LEAST_PAIRS = 4
_CELL = 4  # pixels: points of one cell count once, since SIFT finds some twice
_MOST_ZOOM, _MOST_STRETCH = 4.0, 2.5  # of one image, and of one direction over the other
_BLUR = 2.0  # pixels: what is compared is softer than recompression and resizing
_LEAST_OVERLAP = 400  # pixels

Map = Float64Array  # (2, 3), from pixels of one image to pixels of another


@dataclass(frozen=True)
class Agreement:
    """What two images have in common.

    Attributes:
        points: number of points that one affine map carries to points of the other image.
        share: these as a share of the points that the map puts inside the other image, from 0 to 1.
            Animals of a species share an outline, but little of what is inside it.
        correlation: of the pixels that the map puts on each other, from -1 to 1.
    """

    points: int
    share: float
    correlation: float


NONE = Agreement(0, 0.0, 0.0)


def measure_agreement(one: LocalFeatures, other: LocalFeatures) -> Agreement:
    """Compare two images, the first as it is and mirrored, and return the better agreement."""
    theirs = normalise_descriptors(other.descriptors)
    ways = (one.descriptors, mirror_descriptors(one.descriptors))
    found = (_measure_agreement(one, normalise_descriptors(ours), other, theirs) for ours in ways)
    return max(found, key=lambda each: (each.points, each.correlation))


def _measure_agreement(
    one: LocalFeatures, ours: Descriptors, other: LocalFeatures, theirs: Descriptors
) -> Agreement:
    if min(len(ours), len(theirs)) < _LEAST_PAIRS:
        return NONE
    indices, other_indices = _match_points(ours, theirs)
    if len(indices) < _LEAST_PAIRS:
        return NONE
    starts, ends = one.points[indices], other.points[other_indices]
    fitted, agreeing = cv2.estimateAffine2D(
        starts,
        ends,
        method=cv2.RANSAC,
        ransacReprojThreshold=_REACH,
        maxIters=_TRIES,
        confidence=_CONFIDENCE,
    )
    if fitted is None:  # RANSAC found nothing, whatever its type says
        return NONE
    found = np.asarray(fitted, np.float64)
    if not _is_plausible(found):
        return NONE
    kept = np.asarray(agreeing).reshape(-1) > 0
    points = _count_distinct_points(starts[kept], ends[kept])
    seen = min(
        _count_points_inside(one, other, found),
        _count_points_inside(other, one, cv2.invertAffineTransform(found)),
    )
    share = min(points / max(seen, 1), 1.0)
    return Agreement(points, share, _compute_correlation(one.grey, other.grey, found))


def _match_points(
    ours: Descriptors, theirs: Descriptors
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Match points that are clearly each other's nearest; return their indices: (k,), (k,)."""
    alike = ours @ theirs.T
    nearest = alike.argmax(axis=1)
    rows = np.arange(len(ours))
    best = alike[rows, nearest]
    mutual = alike.argmax(axis=0)[nearest] == rows
    alike[rows, nearest] = -1.0
    second = alike.max(axis=1)
    clear = (1 - best) < _RATIO**2 * (1 - second)  # squared distances of rows of length 1
    kept = np.flatnonzero(mutual & clear)
    return kept, nearest[kept]


def _is_plausible(found: Map) -> bool:
    """Whether the map is a usual edit, not a collapse to a point or a line."""
    longest, shortest = np.linalg.svd(found[:, :2], compute_uv=False)
    zoomed = longest <= _MOST_ZOOM and shortest >= 1 / _MOST_ZOOM
    return bool(zoomed and longest <= _MOST_STRETCH * shortest)


def _count_distinct_points(starts: Points, ends: Points) -> int:
    """Count the distinct positions of these points, in the image that has fewer."""
    cells = (np.unique(side // _CELL, axis=0) for side in (starts, ends))
    return min(len(each) for each in cells)


def _count_points_inside(one: LocalFeatures, other: LocalFeatures, found: npt.NDArray[Any]) -> int:
    """Count the points of `one` that the map puts inside `other`."""
    height, width = other.grey.shape
    carried = one.points @ found[:, :2].T + found[:, 2]
    return int(((carried >= 0) & (carried < (width, height))).all(axis=1).sum())


def _compute_correlation(grey: Greys, other: Greys, found: Map) -> float:
    """Compute Pearson's correlation of the overlapping pixels; 0 where few overlap."""
    height, width = other.shape
    size = (width, height)
    carried = cv2.warpAffine(cv2.GaussianBlur(grey, (0, 0), _BLUR), found, size)
    inside = cv2.warpAffine(np.full_like(grey, 255), found, size, flags=cv2.INTER_NEAREST) > 0
    if np.count_nonzero(inside) < _LEAST_OVERLAP:
        return 0.0
    ours = carried[inside].astype(np.float64)
    theirs = cv2.GaussianBlur(other, (0, 0), _BLUR)[inside].astype(np.float64)
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    length = float(np.sqrt((ours @ ours) * (theirs @ theirs)))
    return float(ours @ theirs) / length if length > 0 else 0.0
