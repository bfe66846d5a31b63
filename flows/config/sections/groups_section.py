"""[groups] and [splits]: which images belong together, and where they go."""

from typing import Annotated

from pydantic import AfterValidator, Field

from data_registry.duplicates.match_thresholds import LARGEST_GROUP, MatchThresholds, Radii
from data_registry.duplicates.name_patterns import compile_pattern
from data_registry.errors import ProjectFileError
from data_registry.versions.split_settings import SplitSettings
from flows.config.sections.section import Fraction, Positive, Section, Seed
from flows.config.sections.setting import define_setting


def _check_pattern(pattern: str) -> str:
    """Refuse a pattern of file names without its source."""
    try:
        compile_pattern(pattern)
    except ProjectFileError as error:
        raise ValueError(str(error)) from None
    return pattern


class GroupsSection(Section):
    """[groups]"""

    name_patterns: tuple[Annotated[str, AfterValidator(_check_pattern)], ...] = Field(
        (), description="aug-N-SRC: aug-3-medusa.jpg was made from medusa.jpg"
    )
    phash_radius: int = define_setting(
        Radii,
        "phash",
        "bits of 64 that may differ between duplicates; beyond 12 every pair is compared",
        ge=0,
        le=32,
    )
    dhash_radius: int = define_setting(
        Radii, "dhash", "bits by which dHash confirms it", ge=0, le=64
    )
    feature_similarity: float = define_setting(
        MatchThresholds,
        "similarity",
        "cosine above which geometry is asked; 1 ties none together",
        gt=0,
        le=1,
    )
    feature_neighbours: Positive = define_setting(
        MatchThresholds,
        "neighbours",
        "one must be among this many most similar images of the other",
    )
    feature_points: int = define_setting(
        MatchThresholds, "points", "places that must fit when one image is laid on the other", ge=4
    )
    feature_share: float = define_setting(
        MatchThresholds, "share", "of the points that should then be found again", ge=0, le=1
    )
    feature_correlation: float = define_setting(
        MatchThresholds, "correlation", "of the pixels that then lie on each other", ge=0, le=1
    )
    largest: Positive = Field(
        LARGEST_GROUP,
        description="images; a greater group is reported for a person (ephyra groups)",
    )


class SplitsSection(Section):
    """[splits]"""

    val: Fraction = define_setting(
        SplitSettings, "val", "share of each class, where the set has no val"
    )
    test: Fraction = define_setting(
        SplitSettings, "test", "share of each class, where the set has no test"
    )
    seed: Seed = define_setting(SplitSettings, "seed", "another seed draws other groups")
