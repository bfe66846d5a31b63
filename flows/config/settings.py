"""From the project file's words to what the registry takes.

Records of modules that need pandas are imported where they are made: `ephyra check` needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_registry.images.image_limits import ImageLimits, build_limits
from flows.config.project_folder import ProjectFolder

if TYPE_CHECKING:
    from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
    from data_registry.versions.split_settings import SplitSettings
    from flows.config.workspace import Workspace


def build_radii(workspace: Workspace) -> Radii:
    """Build the limits on the distance of two hashes."""
    from data_registry.duplicates.match_thresholds import Radii

    groups = workspace.project.groups
    return Radii(groups.phash_radius, groups.dhash_radius)


def build_match_thresholds(workspace: Workspace) -> MatchThresholds:
    """Build the thresholds for linking two images by features."""
    from data_registry.duplicates.match_thresholds import MatchThresholds

    groups = workspace.project.groups
    return MatchThresholds(
        similarity=groups.feature_similarity,
        neighbours=groups.feature_neighbours,
        points=groups.feature_points,
        share=groups.feature_share,
        correlation=groups.feature_correlation,
    )


def build_split_settings(workspace: Workspace) -> SplitSettings:
    """Build the sizes of the splits that a labelled set does not bring."""
    from data_registry.versions.split_settings import SplitSettings

    splits = workspace.project.splits
    return SplitSettings(splits.val, splits.test, splits.seed)


def build_image_limits(project: ProjectFolder) -> ImageLimits:
    """Build the size limits on image files, whatever their source."""
    collect = project.project.collect
    return build_limits(collect.max_megabytes, collect.max_megapixels)
