"""Features of every image, in shards that several workers may share."""

import pickle
from functools import lru_cache

from data_registry.progress import Progress
from flows.config.model_settings import build_teacher_backbone
from flows.config.workspace import Workspace
from train.features.feature_store import FeatureStore
from train.models.backbones import Backbone, load_backbone
from train.specs import BackboneSpec


def list_images_without_features(workspace: Workspace) -> list[str]:
    """List stored images without features of the grouping backbone, sorted."""
    return open_feature_store(workspace).list_missing(
        sorted(workspace.registry.find_present_images())
    )


def embed_images(workspace: Workspace, sha256s: list[str], progress: Progress | None = None) -> int:
    """Compute and keep the features of these images.

    Returns:
        How many images.
    """
    open_feature_store(workspace).load_features(sha256s, workspace.registry.read_image, progress)
    return len(sha256s)


def open_feature_store(workspace: Workspace) -> FeatureStore:
    """Open the store of the features that group images: those of the teacher's backbone.

    Raises:
        WeightsError: the backbone's weights cannot be had.
    """
    spec = pickle.dumps(build_teacher_backbone(workspace))
    return FeatureStore(workspace.registry.files, _load_backbone_once(spec))


@lru_cache(maxsize=1)
def _load_backbone_once(spec: bytes) -> Backbone:
    """Load a backbone once in a worker, however many shards it gets."""
    backbone: BackboneSpec = pickle.loads(spec)
    return load_backbone(backbone)
