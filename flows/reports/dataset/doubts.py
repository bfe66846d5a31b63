"""What a person should check: near-duplicates side by side, and labels that look wrong."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_registry.duplicates.links import active_links
from data_registry.labels.out_of_fold import load_newest_out_of_fold
from data_registry.registry import Registry
from data_registry.versions.draft import IN_TEST_GROUP, IN_VAL_GROUP
from data_registry.versions.manifest import EXCLUDED
from data_registry.vocabulary import ClassOrigin, Split
from labeling.label_issues import LabelIssue, find_label_issues

PAIRS_SHOWN = 24
LABELS_SHOWN = 24
_FOR_THE_OTHER = (IN_TEST_GROUP, IN_VAL_GROUP)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two images that belong to one group.

    Attributes:
        first, second: their SHA-256.
        method, distance: of the evidence.
        where: where each stands, in words.
        across: whether one of them is left out because of the other's split.
    """

    first: str
    second: str
    method: str
    distance: float
    where: tuple[str, str]
    across: bool


@dataclass(frozen=True)
class Pairs:
    """Near-duplicates of a version.

    Attributes:
        shown: those across splits first, then the nearest; one a group.
        count: pairs of which both images are in the manifest.
        across: those with an image that is left out for the other's sake.
    """

    shown: tuple[Pair, ...]
    count: int
    across: int


@dataclass(frozen=True)
class Doubts:
    """Labels that look wrong to a teacher.

    Attributes:
        shown: the most doubtful first; see `find_doubts`.
        images: how many labels were looked at.
        count: those that are doubtful.
        teacher_id: who says so; empty where no teacher left any word.
    """

    shown: tuple[LabelIssue, ...]
    images: int
    count: int
    teacher_id: str


def find_near_duplicates(registry: Registry, rows: pd.DataFrame) -> Pairs:
    """Find the links between images of a manifest.

    Args:
        registry: keeps the links.
        rows: a version's manifest, excluded images included.
    """
    links = active_links(registry)
    about = rows.set_index("sha256")
    known = links["first"].isin(about.index) & links["second"].isin(about.index)
    links = links[known].reset_index(drop=True)
    reasons = [links[side].map(about["reason"]) for side in ("first", "second")]
    yields, stands = [r.isin(_FOR_THE_OTHER) for r in reasons], [r == "" for r in reasons]
    links["across"] = (yields[0] & stands[1]) | (yields[1] & stands[0])
    links["group_id"] = links["first"].map(about["group_id"])
    links = links.sort_values(
        ["across", "distance", "first", "second"], ascending=[False, True, True, True]
    )
    links = links.drop_duplicates(["first", "second"])  # the closest evidence of each pair
    where = {name: _describe_split(row) for name, row in about.to_dict("index").items()}
    shown = links.drop_duplicates("group_id").head(PAIRS_SHOWN)
    return Pairs(
        shown=tuple(_build_pair(row, where) for row in shown.to_dict("records")),
        count=len(links),
        across=int(links["across"].sum()),
    )


def find_doubts(registry: Registry, rows: pd.DataFrame) -> Doubts:
    """Find labels in train that look wrong to a teacher that did not learn from them.

    A label that a person has confirmed is not listed.

    Args:
        registry: keeps what teachers said out of fold.
        rows: a version's manifest.

    Raises:
        StorageError: what the newest teacher left is damaged.
    """
    found = load_newest_out_of_fold(registry)
    if found is None:
        return Doubts((), 0, 0, "")
    teacher_id, probabilities = found
    stated = rows[(rows["split"] == Split.TRAIN) & (rows["class_origin"] != ClassOrigin.DECISION)]
    known = stated["sha256"].isin(probabilities.index)
    stated = stated[known & stated["class_name"].isin(probabilities.columns)]
    names, given = stated["sha256"].tolist(), stated["class_name"].tolist()
    shares = probabilities.loc[names].to_numpy(dtype=np.float64)
    confirmed = set(stated["sha256"][stated["class_origin"] == ClassOrigin.ANNOTATION])
    labels = find_label_issues(names, given, list(probabilities.columns), shares)
    doubtful = [label for label in labels if label.sha256 not in confirmed]
    return Doubts(tuple(doubtful[:LABELS_SHOWN]), len(stated), len(doubtful), teacher_id)


def _build_pair(row: Mapping[Hashable, Any], where: Mapping[Hashable, str]) -> Pair:
    return Pair(
        first=row["first"],
        second=row["second"],
        method=row["method"],
        distance=row["distance"],
        where=(where[row["first"]], where[row["second"]]),
        across=bool(row["across"]),
    )


def _describe_split(row: Mapping[Hashable, Any]) -> str:
    if row["split"] == EXCLUDED:
        return f"left out, {row['reason']}"
    return f"{row['split']}, {row['class_name']}"
