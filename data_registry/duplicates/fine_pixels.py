"""Tell apart images that agree at 32 x 32 pixels: pages with one letterhead and other text.

A small object before the background of a fixed camera is not told apart: a watermark changes as
many tiles of a copy.
"""

import numpy as np
from PIL import Image

from data_registry.arrays import Float32Array
from data_registry.images.hashing import ORIENTATIONS, apply_orientation
from data_registry.images.pixels import decode_stored

SIDE = 512
_TILE = 16
_LEAST_SIDE = 192  # smaller copies hold too little to tell text apart
_LEAST_TILES = 8
_CONTRAST = 8.0  # grey levels: tiles with less show nothing
_ALIKE = 0.8  # correlation within a tile
_BLURS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)  # pixels, by which the sharper image is softened
# Pages of 850 x 1100 pixels with other text differ in 84 % of their tiles and more. Of 1,144 edits
# of 200 photographs (recompressed, halved, blurred, turned, watermarked) three differ in more than
# 35 %, and points confirm those.
_MOST_DIFFERENT = 0.35

FineGrey = Float32Array


def decode_fine_grey(data: bytes) -> FineGrey:
    """Decode an image to a square of grey levels, no larger than it is itself."""
    image = decode_stored(data, least_side=2 * SIDE).image.convert("L")
    side = max(min(SIDE, *image.size) // _TILE, 1) * _TILE
    return np.asarray(image.resize((side, side), Image.Resampling.BOX), dtype=np.float32)


def have_different_details(one: FineGrey, other: FineGrey) -> bool:
    """Whether much of what two images show differs, in each of the eight orientations.

    The sharper of the two is softened too, so that a blurred copy agrees.

    Args:
        one, other: from `decode_fine_grey`, of images that agree at a small size.
    """
    side = min(len(one), len(other))
    if side < _LEAST_SIDE:
        return False
    softer, sharper = sorted((_shrink(one, side), _shrink(other, side)), key=_measure_sharpness)
    wanted = _cut_tiles(softer)
    turned = [apply_orientation(sharper, turn) for turn in range(ORIENTATIONS)]
    shares = [_measure_different_share(_cut_tiles(each), wanted) for each in turned]
    if min(shares) <= _MOST_DIFFERENT:
        return False
    nearest = turned[int(np.argmin(shares))]
    softened = (_soften(nearest, blur) for blur in _BLURS)
    as_sharp = [each for each in softened if _measure_sharpness(each) >= _measure_sharpness(softer)]
    return all(
        _measure_different_share(_cut_tiles(each), wanted) > _MOST_DIFFERENT for each in as_sharp
    )


def _measure_sharpness(grey: FineGrey) -> float:
    """Measure the mean square by which neighbouring pixels differ."""
    return float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean())


def _soften(grey: FineGrey, blur: float) -> FineGrey:
    from scipy.ndimage import gaussian_filter  # takes long to load, and few pairs need it

    return np.asarray(gaussian_filter(grey, blur), dtype=np.float32)


def _measure_different_share(one: FineGrey, other: FineGrey) -> float:
    """Share of the tiles with contrast that do not correlate; 0 where few have any."""
    contrasts = one.std(axis=1), other.std(axis=1)
    shows = np.maximum(*contrasts) > _CONTRAST
    if np.count_nonzero(shows) < _LEAST_TILES:
        return 0.0
    alike = (one * other).mean(axis=1) / np.maximum(contrasts[0] * contrasts[1], 1e-9)
    return float(np.mean(alike[shows] < _ALIKE))


def _cut_tiles(grey: FineGrey) -> FineGrey:
    """Cut a square into tiles without their mean: shape (tiles, pixels)."""
    count = len(grey) // _TILE
    tiles = grey.reshape(count, _TILE, count, _TILE).swapaxes(1, 2).reshape(count**2, -1)
    centred: FineGrey = tiles - tiles.mean(axis=1, keepdims=True)
    return centred


def _shrink(grey: FineGrey, side: int) -> FineGrey:
    if len(grey) == side:
        return grey
    image = Image.fromarray(grey)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX), dtype=np.float32)
