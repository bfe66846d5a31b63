"""From the project file's words to what the registry takes."""

from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.images.image_limits import ImageLimits
from data_registry.versions.split_settings import SplitSettings
from flows.config.project_folder import ProjectFolder
from flows.config.sections.setting import fill_record


def build_radii(project: ProjectFolder) -> Radii:
    """Build the limits on the distance of two hashes."""
    return fill_record(Radii, project.project.groups)


def build_match_thresholds(project: ProjectFolder) -> MatchThresholds:
    """Build the thresholds for linking two images by features."""
    return fill_record(MatchThresholds, project.project.groups)


def build_split_settings(project: ProjectFolder) -> SplitSettings:
    """Build the sizes of the splits that a labelled set does not bring."""
    return fill_record(SplitSettings, project.project.splits)


def build_image_limits(project: ProjectFolder) -> ImageLimits:
    """Build the size limits on image files, whatever their source."""
    return fill_record(ImageLimits, project.project.collect)
