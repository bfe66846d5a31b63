"""What a later import changed in the dataset that was there before."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.diff import ADDED, RELABELLED, REMOVED, diff_versions
from data_registry.versions.manifest import SPLITS
from data_registry.versions.published_versions import Version
from data_registry.versions.splits import HELD_OUT, STRENGTH

SEVERAL_CLASSES = "under several classes until a person decides"
NOT_LABELLED = "taken down, or no longer accepted"


@dataclass(frozen=True, kw_only=True)
class ImportChanges:
    """What differs between the version before an import and the one after it.

    Attributes:
        since: tag of the version before.
        new_classes: classes that it did not have.
        added: images that came in, by split.
        removed: images that left train, val or test, by why.
        undecided: those of them that were imported under several classes, by the split they left.
        relabelled: images whose class changed.
        stayed: images that the set gives for val or test, and that were assigned to a weaker split
            before: what has taught can no longer measure. By (given, where they stay), in words.
    """

    since: str
    new_classes: tuple[str, ...]
    added: Mapping[str, int]
    removed: Mapping[str, int]
    undecided: Mapping[str, int]
    relabelled: int
    stayed: Mapping[str, int]


def describe_import_changes(registry: Registry, before: Version, after: Version) -> ImportChanges:
    """Compare the versions before and after an import.

    Raises:
        StorageError: a manifest is missing or damaged.
    """
    difference = diff_versions(registry, before, after)
    images = difference.images
    added = images["split_after"][images["change"] == ADDED]
    removed = images[images["change"] == REMOVED]
    is_undecided = removed["sha256"].isin(load_label_conflicts(registry).keys())
    reasons = removed["reason"].replace("", NOT_LABELLED).mask(is_undecided, SEVERAL_CLASSES)
    undecided = removed["split_before"][is_undecided]
    return ImportChanges(
        since=before.tag,
        new_classes=tuple(sorted(_list_classes(after) - _list_classes(before))),
        added={split: int((added == split).sum()) for split in SPLITS},
        removed=dict(sorted(Counter(reasons).items())),
        undecided={split: int((undecided == split).sum()) for split in sorted(set(undecided))},
        relabelled=difference.changes[RELABELLED],
        stayed=_count_stayed(registry),
    )


def _list_classes(version: Version) -> set[str]:
    by_split: Mapping[str, Mapping[str, int]] = version.card["classes"]
    return {name for counts in by_split.values() for name in counts}


def _count_stayed(registry: Registry) -> dict[str, int]:
    label, assigned = schema.label, schema.split_assignment
    statement = (
        sa.select(label.c.sha256, label.c.given_split, assigned.c.split)
        .join(assigned, assigned.c.sha256 == label.c.sha256)
        .where(label.c.given_split.in_(HELD_OUT))
    )
    given = registry.database.frame(statement)
    weaker = given["given_split"].map(STRENGTH) < given["split"].map(STRENGTH)
    images: pd.DataFrame = given[weaker].drop_duplicates("sha256")
    pairs = zip(images["given_split"], images["split"], strict=True)
    return dict(sorted(Counter(f"given as {was}, stay in {now}" for was, now in pairs).items()))
