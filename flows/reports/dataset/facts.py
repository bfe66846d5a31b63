"""A version in numbers: from its manifest and the registry's tables alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd
import sqlalchemy as sa

from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.manifest import EXCLUDED, SPLITS
from data_registry.vocabulary import ClassOrigin, Split

# Shorter sides in pixels: models take 224 to 384, and below 64 little is left to see.
SIDES = (64, 128, 224, 384, 640, 1024, 2048)
GROUP_SIZES = (2, 3, 6, 11, 51)


@dataclass(frozen=True)
class ClassCounts:
    """One class.

    Attributes:
        splits: images by split.
        machine_made: those in train that a teacher named.
    """

    name: str
    splits: Mapping[str, int]
    machine_made: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.splits.values())


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What can be counted; every count is of images in train, val and test unless it says other.

    Attributes:
        classes: by name.
        splits: images by split.
        origins: who says the class, by split.
        licences: images by licence; empty where it is not stated.
        formats: images by file format.
        sides: images by shorter side in pixels, by split.
        byte_count: of all files.
        groups: how many there are.
        group_sizes: groups by number of images.
        excluded: images that are left out, by why.
    """

    classes: tuple[ClassCounts, ...]
    splits: Mapping[str, int]
    origins: Mapping[str, Mapping[str, int]]
    licences: Mapping[str, int]
    formats: Mapping[str, int]
    sides: Mapping[str, Mapping[str, int]]
    byte_count: int
    groups: int
    group_sizes: Mapping[str, int]
    excluded: Mapping[str, int]


def count_facts(registry: Registry, rows: pd.DataFrame) -> Facts:
    """Count classes, splits, origins, licences, formats, sizes and exclusions.

    Args:
        registry: knows sizes and formats.
        rows: a version's manifest.
    """
    image = schema.image
    columns = (image.c.sha256, image.c.format, image.c.width, image.c.height, image.c.byte_count)
    known = registry.database.frame(sa.select(*columns))
    kept = rows[rows["split"] != EXCLUDED].merge(known, on="sha256", how="left")
    sizes = kept["group_id"].value_counts()
    shorter = kept[["width", "height"]].min(axis="columns")
    return Facts(
        classes=_count_classes(kept),
        splits=count_images_by_split(kept["split"]),
        origins=_count_values_by_split(kept["class_origin"], kept["split"]),
        licences=_count_values(kept["licence"]),
        formats=_count_values(kept["format"]),
        sides=_count_values_by_split(assign_bins(shorter, SIDES), kept["split"]),
        byte_count=int(kept["byte_count"].sum()),
        groups=len(sizes),
        group_sizes=_count_values(assign_bins(sizes, GROUP_SIZES), ordered=name_bins(GROUP_SIZES)),
        excluded=_count_values(rows["reason"][rows["split"] == EXCLUDED]),
    )


def name_bins(edges: Sequence[int]) -> list[str]:
    """Name the bins between edges, for 2, 3, 6: "1", "2", "3 to 5", "6 or more"."""
    first = [f"below {edges[0]}" if edges[0] > 2 else "1"]
    steps = pairwise(edges)
    middle = [f"{low}" if high == low + 1 else f"{low} to {high - 1}" for low, high in steps]
    return [*first, *middle, f"{edges[-1]} or more"]


def assign_bins(values: "pd.Series[int]", edges: Sequence[int]) -> "pd.Series[str]":
    """Assign each value the name of its bin; edges belong to the bin above."""
    bounds = [float("-inf"), *edges, float("inf")]
    cut: pd.Series[str] = pd.cut(values, bounds, right=False, labels=name_bins(edges))
    return cut


def count_images_by_split(splits: "pd.Series[str]") -> dict[str, int]:
    """Count the images of each split, train first."""
    return {split: int((splits == split).sum()) for split in SPLITS}


def _count_classes(kept: pd.DataFrame) -> tuple[ClassCounts, ...]:
    machine = kept[(kept["split"] == Split.TRAIN) & (kept["class_origin"] == ClassOrigin.DECISION)]
    made = machine["class_name"].value_counts().to_dict()
    return tuple(
        ClassCounts(str(name), count_images_by_split(rows["split"]), int(made.get(name, 0)))
        for name, rows in kept.groupby("class_name")
    )


def _count_values_by_split(
    values: "pd.Series[str]", splits: "pd.Series[str]"
) -> dict[str, dict[str, int]]:
    groups = splits.groupby(values, observed=True)
    return {str(value): count_images_by_split(members) for value, members in groups}


def _count_values(values: "pd.Series[str]", ordered: Sequence[str] = ()) -> dict[str, int]:
    """Count each value: the most frequent first, or in the given order."""
    counts = {str(name): int(count) for name, count in values.value_counts().items() if count}
    return {name: counts[name] for name in ordered if name in counts} if ordered else counts
