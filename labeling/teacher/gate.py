"""The open-set gate: is this image like anything that was labelled?

A classifier is sure of things it has never seen. The gate looks at the distance from an image's
features to the nearest labelled image's, and calls junk what is farther than nearly all labelled
images are from each other.
"""

from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float32Array, Float64Array
from labeling.teacher.labelled import LabelledImages


@dataclass(frozen=True)
class Gate:
    """Nearest-neighbour distance to the labelled images.

    Attributes:
        labelled: unit vectors, shape (n, d).
        bound: cosine distance beyond which an image is junk.
    """

    labelled: Float32Array
    bound: float

    def compute_distances(self, features: Float32Array) -> Float64Array:
        """Compute 1 - cosine to the nearest labelled image.

        Args:
            features: shape (m, d).

        Returns:
            Shape (m,), in [0, 2].
        """
        cosine = (normalise_rows(features) @ self.labelled.T).max(axis=1)
        return np.asarray(np.maximum(1.0 - cosine.astype(np.float64), 0.0))


def fit_gate(labelled: LabelledImages, features: Float32Array, quantile: float) -> Gate:
    """Learn the bound from the labelled images alone.

    Args:
        labelled: n images.
        features: shape (n, d).
        quantile: the least part of the labelled images that passes, each measured against images
            of other groups (its own copies would be too near to tell anything).
    """
    vectors = normalise_rows(features)
    similarity = vectors @ vectors.T
    groups = np.array(labelled.groups)
    similarity[groups[:, None] == groups[None, :]] = -np.inf
    nearest = 1.0 - similarity.max(axis=1).astype(np.float64)
    # A distance that occurs, so that the part which passes is never smaller than what was asked.
    fair = labelled.is_unbiased_sample
    bound = float(
        np.quantile(nearest[fair], quantile, method="inverted_cdf", weights=labelled.weights[fair])
    )
    return Gate(vectors, max(bound, 0.0))


def normalise_rows(features: Float32Array) -> Float32Array:
    """Scale rows to length 1; shape (n, d) stays. A row of zeros stays zero."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: Float32Array = features / np.maximum(lengths, 1e-12)
    return scaled
