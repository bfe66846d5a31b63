"""The features that a teacher and its gate stand on: of one backbone, or of several together."""

import hashlib
from collections.abc import Sequence

import numpy as np

from data_registry.arrays import Float32Array
from data_registry.progress import Progress, report_phase
from data_registry.registry import Registry
from labeling.teacher.gate import normalise_rows
from train.features.feature_store import FeatureStore
from train.models.backbones import load_backbone
from train.specs import BackboneSpec


class PoolFeatures:
    """Features of stored images by the teacher's backbones, computed once and kept.

    Args:
        registry: where images are read and features are kept.
        backbones: at least one.
        progress: told of every image.

    Raises:
        WeightsError: a backbone cannot be loaded.
    """

    def __init__(
        self, registry: Registry, backbones: Sequence[BackboneSpec], progress: Progress
    ) -> None:
        with report_phase(progress, "reading the teacher's weights", None):
            loaded = [load_backbone(spec) for spec in backbones]
        self._registry = registry
        self._progress = progress
        self._stores = [FeatureStore(registry.files, backbone) for backbone in loaded]
        self.fingerprint = join_fingerprints([backbone.fingerprint for backbone in loaded])

    def __call__(self, sha256s: Sequence[str]) -> Float32Array:
        """Shape (n, d) for n stored images, in order; d is the sum over the backbones.

        Raises:
            ImageError: an image cannot be decoded.
        """
        read = self._registry.read_image
        return join_features(
            [store.load_features(sha256s, read, self._progress) for store in self._stores]
        )


def join_features(parts: Sequence[Float32Array]) -> Float32Array:
    """Join the features of several backbones, each at length 1 so that none outvotes another.

    A linear head on them averages the backbones' scores. One backbone's stay as they are.

    Args:
        parts: one a backbone, of shape (n, d_i).
    """
    return parts[0] if len(parts) == 1 else np.hstack([normalise_rows(part) for part in parts])


def join_fingerprints(fingerprints: Sequence[str]) -> str:
    """Join the fingerprints of several backbones in their order; a single one stays as it is."""
    if len(fingerprints) == 1:
        return fingerprints[0]
    return hashlib.sha256("".join(fingerprints).encode()).hexdigest()
