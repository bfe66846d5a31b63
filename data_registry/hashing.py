"""Names and fingerprints of images: SHA-256 of the bytes, perceptual hashes of the pixels.

pHash and dHash follow the `imagehash` package (64 bits, hash size 8) and equal it on the upright
image; the other seven orientations are computed from the same small greyscale copies, which
costs a twentieth of turning the photo eight times.
"""

import hashlib

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.fft import dct

ORIENTATIONS = 8
HASH_BITS = 64
_PHASH_SIDE = 32  # imagehash: hash_size 8 times highfreq_factor 4
_HASH_SIDE = 8

Grey = npt.NDArray[np.float64]
OrientedHashes = npt.NDArray[np.uint64]


def sha256_of(data: bytes) -> str:
    """The name of these bytes: 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def perceptual_hashes(image: Image.Image) -> tuple[OrientedHashes, OrientedHashes]:
    """pHash and dHash of an image in all eight orientations.

    Args:
        image: any Pillow image; only its luminance counts.

    Returns:
        Two arrays of shape (8,), dtype uint64. Entry 0 is the upright image; entries 0-3 are
        turned by 0, 90, 180, 270 degrees counter-clockwise, 4-7 the same after mirroring.
    """
    grey = image.convert("L")
    return _phashes(grey), _dhashes(grey)


def oriented(pixels: Grey, orientation: int) -> Grey:
    """One of the eight flips and rotations of a (height, width) array."""
    mirrored = np.fliplr(pixels) if orientation >= ORIENTATIONS // 2 else pixels
    return np.rot90(mirrored, orientation % 4)


def _phashes(grey: Image.Image) -> OrientedHashes:
    small = _resized(grey, _PHASH_SIDE, _PHASH_SIDE)
    turned = np.stack([oriented(small, k) for k in range(ORIENTATIONS)])
    # Only the 8 lowest frequencies of each axis are needed: trim between the two passes.
    columns = dct(turned, axis=1)[:, :_HASH_SIDE, :]
    low = dct(columns, axis=2)[:, :, :_HASH_SIDE].reshape(ORIENTATIONS, HASH_BITS)
    return _packed(low > np.median(low, axis=1, keepdims=True))


def _dhashes(grey: Image.Image) -> OrientedHashes:
    wide = _resized(grey, _HASH_SIDE + 1, _HASH_SIDE)
    tall = _resized(grey, _HASH_SIDE, _HASH_SIDE + 1)  # becomes wide after a quarter turn
    bits = []
    for orientation in range(ORIENTATIONS):
        pixels = oriented(tall if orientation % 2 else wide, orientation)
        bits.append((pixels[:, 1:] > pixels[:, :-1]).reshape(HASH_BITS))
    return _packed(np.stack(bits))


def _resized(grey: Image.Image, width: int, height: int) -> Grey:
    return np.asarray(grey.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float64)


def _packed(bits: npt.NDArray[np.bool_]) -> OrientedHashes:
    """(n, 64) booleans, most significant first, to n unsigned 64-bit integers."""
    return np.packbits(bits, axis=1).view(">u8").reshape(-1).astype(np.uint64)
