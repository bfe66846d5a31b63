"""Hash images: SHA-256 of the bytes, perceptual hashes of the pixels.

pHash and dHash follow the `imagehash` package (64 bits, hash size 8) and equal it on the upright
image; the other seven orientations are computed from the same small greyscale copies, which
costs a twentieth of turning the photo eight times. Turning an image by quarters only moves the
coefficients of its cosine transform and changes signs: cos((2x + 1) v pi / 2n) is even in x about
the middle for even v and odd for odd v. So one transform serves all orientations.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float64Array

if TYPE_CHECKING:
    from PIL import Image

Number = TypeVar("Number", bound=np.generic)

ORIENTATIONS = 8
HASH_BITS = 64
_PHASH_SIDE = 32  # imagehash: hash_size 8 times highfreq_factor 4
_HASH_SIDE = 8

Grey = Float64Array
Indices = npt.NDArray[np.int64]
OrientedHashes = npt.NDArray[np.uint64]


def compute_sha256(data: bytes) -> str:
    """Compute the SHA-256 of bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def compute_perceptual_hashes(image: Image.Image) -> tuple[OrientedHashes, OrientedHashes]:
    """Compute pHash and dHash of an image in all eight orientations.

    Args:
        image: any Pillow image; only its luminance counts.

    Returns:
        Two arrays of shape (8,), dtype uint64. Entry 0 is the upright image; entries 0-3 are
        turned by 0, 90, 180, 270 degrees counter-clockwise, 4-7 the same after mirroring.
    """
    grey = image.convert("L")
    return _compute_phashes(grey), _compute_dhashes(grey)


def apply_orientation(pixels: npt.NDArray[Number], orientation: int) -> npt.NDArray[Number]:
    """Apply one of the eight flips and rotations to a (height, width) array."""
    mirrored = np.fliplr(pixels) if orientation >= ORIENTATIONS // 2 else pixels
    return np.rot90(mirrored, orientation % 4)


def _compute_phashes(grey: Image.Image) -> OrientedHashes:
    small = _resize(grey, _PHASH_SIDE, _PHASH_SIDE)
    low = (_compute_cosines() @ small @ _compute_cosines().T).reshape(HASH_BITS)
    turned = low[_LOW_INDICES] * _LOW_SIGNS
    # moving and changing signs moves the median of the 64 too: each orientation has its own
    return _pack_bits(turned > _compute_medians(turned))


def _compute_dhashes(grey: Image.Image) -> OrientedHashes:
    wide = _resize(grey, _HASH_SIDE + 1, _HASH_SIDE)
    tall = _resize(grey, _HASH_SIDE, _HASH_SIDE + 1)  # becomes wide after a quarter turn
    pixels = np.concatenate([wide.reshape(-1), tall.reshape(-1)])[_GRID_INDICES]
    return _pack_bits((pixels[:, :, 1:] > pixels[:, :, :-1]).reshape(ORIENTATIONS, HASH_BITS))


def _compute_medians(values: Grey) -> Grey:
    """Compute the median of each row of 64, five times faster than `np.median`: (n, 1)."""
    ordered = np.sort(values, axis=1)
    middle = HASH_BITS // 2
    return (ordered[:, middle - 1 : middle] + ordered[:, middle : middle + 1]) / 2


@cache
def _compute_cosines() -> Grey:
    """Compute the 8 lowest frequencies of the cosine transform of 32 values: (8, 32)."""
    from scipy.fft import dct  # only where images are hashed: looking at a project needs none

    cosines: Grey = dct(np.eye(_PHASH_SIDE), axis=0)[:_HASH_SIDE]
    return cosines


def _index_coefficients() -> tuple[Indices, Grey]:
    """Index each orientation's 64 coefficients in the upright ones, with their signs."""
    signs = np.where(np.arange(_HASH_SIDE) % 2, -1.0, 1.0)
    found_places, found_signs = [], []
    for orientation in range(ORIENTATIONS):
        place = np.arange(HASH_BITS).reshape(_HASH_SIDE, _HASH_SIDE)
        sign = np.ones((_HASH_SIDE, _HASH_SIDE))
        if orientation >= ORIENTATIONS // 2:
            sign = sign * signs  # mirrored: odd columns change their sign
        for _ in range(orientation % 4):  # a quarter turn transposes, then mirrors the rows
            place, sign = place.T, sign.T * signs[:, np.newaxis]
        found_places.append(place.reshape(HASH_BITS))
        found_signs.append(sign.reshape(HASH_BITS))
    return np.stack(found_places), np.stack(found_signs)


def _index_grids() -> Indices:
    """Index each orientation's 8 x 9 cells in the wide grid's followed by the tall one's."""
    count = _HASH_SIDE * (_HASH_SIDE + 1)
    wide = np.arange(count).reshape(_HASH_SIDE, _HASH_SIDE + 1)
    tall = np.arange(count, 2 * count).reshape(_HASH_SIDE + 1, _HASH_SIDE)
    return np.stack([apply_orientation(tall if k % 2 else wide, k) for k in range(ORIENTATIONS)])


def _resize(grey: Image.Image, width: int, height: int) -> Grey:
    from PIL import Image

    return np.asarray(grey.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float64)


def _pack_bits(bits: npt.NDArray[np.bool_]) -> OrientedHashes:
    """Pack (n, 64) booleans, most significant first, into n unsigned 64-bit integers."""
    return np.packbits(bits, axis=1).view(">u8").reshape(-1).astype(np.uint64)


_LOW_INDICES, _LOW_SIGNS = _index_coefficients()
_GRID_INDICES = _index_grids()
