"""Extract points that are found again after an image was cropped, turned, mirrored or recoloured.

SIFT (Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004) on a small grey
image; descriptors are compared as RootSIFT (Arandjelovic and Zisserman, CVPR 2012).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from data_registry.arrays import Float32Array
from data_registry.images.decoding_cost import choose_shrink_factor, estimate_decoding_bytes
from data_registry.images.memory import DECODING_MEMORY
from data_registry.images.opening import convert_decoder_errors, open_image
from data_registry.images.pixels import (
    convert_to_upright_srgb,
    estimate_flattening_bytes,
    flatten_image,
    read_orientation,
)

METHOD = "sift-256"  # what the figures of a comparison were computed with
SIDE = 256  # pixels, the longest
MOST_POINTS = 400
_LEAST_CONTRAST = 0.01  # a quarter of Lowe's: a translucent animal in blue water has little
_MOST_EDGE = 15.0
_CELLS, _BINS = 4, 8  # a descriptor: 4 x 4 cells of 8 directions

Points = Float32Array
Descriptors = Float32Array
Greys = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LocalFeatures:
    """The points of one image.

    Attributes:
        grey: shape (height, width), uint8; the longest side is `SIDE` at most.
        points: shape (n, 2): x and y in pixels of `grey`.
        descriptors: shape (n, 128), uint8: SIFT.
    """

    grey: Greys
    points: Points
    descriptors: npt.NDArray[np.uint8]


def extract_local_features(data: bytes) -> LocalFeatures:
    """Extract the points of an encoded image.

    Raises:
        ImageError: it cannot be decoded.
    """
    grey = _decode_grey(data)
    detector = cv2.SIFT.create(
        nfeatures=MOST_POINTS, contrastThreshold=_LEAST_CONTRAST, edgeThreshold=_MOST_EDGE
    )
    found, descriptors = detector.detectAndCompute(grey, np.full_like(grey, 255))
    points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    if not len(points):
        descriptors = np.empty((0, _CELLS * _CELLS * _BINS), np.float32)
    return LocalFeatures(grey, points, descriptors.astype(np.uint8))


def normalise_descriptors(descriptors: npt.NDArray[np.uint8]) -> Descriptors:
    """Normalise to RootSIFT: rows of length 1, whose dot product is a similarity."""
    values = descriptors.astype(np.float32)
    shares: Descriptors = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))
    return shares


def mirror_descriptors(descriptors: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Compute the descriptors that the same points have in the mirrored image.

    Cells and directions are counted from a point's own direction. Mirroring swaps what lies to
    the two sides of it and reverses the directions, so nothing has to be computed from pixels.
    """
    cells = descriptors.reshape(-1, _CELLS, _CELLS, _BINS)
    swapped = cells[:, ::-1][:, :, :, -np.arange(_BINS) % _BINS]
    return np.ascontiguousarray(swapped).reshape(descriptors.shape)


def _decode_grey(data: bytes) -> Greys:
    image = open_image(data, None)
    factor = choose_shrink_factor(image, 2 * SIDE)
    at_most = estimate_decoding_bytes(image, data, factor) + estimate_flattening_bytes(
        image, factor
    )
    with DECODING_MEMORY.reserve(at_most), convert_decoder_errors():
        # a JPEG is decoded at a reduced size, not below this one
        image.draft(None, (2 * SIDE, 2 * SIDE))
        image.load()
        upright = convert_to_upright_srgb(flatten_image(image), read_orientation(image)).convert(
            "L"
        )
    upright.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(upright)
