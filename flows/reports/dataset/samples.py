"""Sample grids: some images of each class, always the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from data_registry.versions.manifest import EXCLUDED

OF_EACH_CLASS = 8
IN_ALL = 400  # a page stays a few megabytes, however many classes there are


@dataclass(frozen=True)
class Sample:
    """One image of a grid."""

    sha256: str
    split: str
    origin: str


@dataclass(frozen=True)
class Grid:
    """Some images of a class.

    Attributes:
        images: how many the class has.
    """

    class_name: str
    images: int
    samples: tuple[Sample, ...]


def select_grids(rows: pd.DataFrame, present: Collection[str]) -> tuple[Grid, ...]:
    """Select the first images of each class by SHA-256, which is a random order.

    Args:
        rows: a version's manifest.
        present: images whose bytes are there.
    """
    kept = rows[rows["split"] != EXCLUDED].sort_values("sha256")
    classes = list(kept.groupby("class_name"))
    each = max(1, min(OF_EACH_CLASS, IN_ALL // max(len(classes), 1)))
    return tuple(
        Grid(
            str(name), len(members), _select_samples(members[members["sha256"].isin(present)], each)
        )
        for name, members in classes[:IN_ALL]
    )


def _select_samples(members: pd.DataFrame, count: int) -> tuple[Sample, ...]:
    columns: Sequence[str] = ("sha256", "split", "class_origin")
    rows = members.head(count)[list(columns)].itertuples(index=False, name=None)
    return tuple(Sample(*row) for row in rows)
