"""Draft a version of the present state: which images it holds, and why others are excluded."""

import numpy as np
import pandas as pd

from data_registry.duplicates.copies import rank_duplicates
from data_registry.duplicates.grouping import load_groups
from data_registry.labels.class_resolution import (
    NONE_OF_THE_CLASSES,
    load_attributions,
    resolve_classes,
)
from data_registry.registry import Registry
from data_registry.versions.manifest import (
    COLUMNS,
    EXCLUDED,
    normalise_manifest,
)
from data_registry.versions.splits import STRENGTH, load_assigned_splits
from data_registry.vocabulary import ClassOrigin, Split

IN_TEST_GROUP = "in a group with a test image"
IN_VAL_GROUP = "in a group with a val image"
DUPLICATE = "copy of a better image in train"
NOT_A_CLASS = "a person said: none of the classes"
DUPLICATE_OF_TAKEN_DOWN = "copy of an image that was taken down"
NOT_KEPT = "collected, not kept"
NO_SPLIT = "no split was assigned yet"


def draft_manifest(registry: Registry) -> pd.DataFrame:
    """Build the rows of a version of the present state, excluded images included."""
    rows = resolve_classes(registry)
    if rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = rows.merge(load_attributions(registry), on="sha256", how="left")
    labelled = registry.find_labelled_images()
    assigned = load_assigned_splits(registry)
    # A collected image is always in train, whoever gave its class.
    rows["split"] = [
        assigned.get(sha256, EXCLUDED) if sha256 in labelled else Split.TRAIN.value
        for sha256 in rows["sha256"]
    ]
    rows["reason"] = np.where(rows["split"] == EXCLUDED, NO_SPLIT, "")
    rows["group_id"] = rows["sha256"].map(load_groups(registry))
    rows = _exclude_none_of_the_classes(_exclude_duplicates_of_taken_down(rows, registry))
    rows = _exclude(rows, rows["sha256"].isin(registry.find_discarded_images()), NOT_KEPT)
    rows = _exclude_leaks(rows)
    return normalise_manifest(_exclude_duplicates(rows, registry))


def _exclude_duplicates_of_taken_down(rows: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Exclude collected duplicates of images taken down; imported ones are the user's choice."""
    tombstones, labelled = registry.find_tombstones(), registry.find_labelled_images()
    gone = {group for sha256, group in load_groups(registry).items() if sha256 in tombstones}
    copies = rows["group_id"].isin(gone) & ~rows["sha256"].isin(labelled)
    return _exclude(rows, copies, DUPLICATE_OF_TAKEN_DOWN)


def _exclude_none_of_the_classes(rows: pd.DataFrame) -> pd.DataFrame:
    """Exclude images of none of the classes, and pseudo-labelled images of their groups."""
    nothing = rows["class_name"] == NONE_OF_THE_CLASSES
    copies = rows["group_id"].isin(rows["group_id"][nothing]) & (
        rows["class_origin"] == ClassOrigin.DECISION
    )
    return _exclude(rows, nothing | copies, NOT_A_CLASS)


def _exclude_leaks(rows: pd.DataFrame) -> pd.DataFrame:
    """Exclude the weaker members of a group: test beats val, val beats train."""
    strength = rows["split"].map(STRENGTH).fillna(len(STRENGTH))
    strongest = strength.groupby(rows["group_id"]).transform("min")
    weaker = strength > strongest
    rows = _exclude(rows, weaker & (strongest == STRENGTH[Split.TEST]), IN_TEST_GROUP)
    return _exclude(rows, weaker & (strongest == STRENGTH[Split.VAL]), IN_VAL_GROUP)


def _exclude_duplicates(rows: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Keep only the best of collected duplicates, and none beside a labelled one in train.

    Imported duplicates in train are the user's choice. A series and augmented families are no
    duplicates (`data_registry.duplicates.copies`).
    """
    taught = rows["sha256"][rows["split"] == Split.TRAIN]
    ranked = rank_duplicates(registry, list(taught))
    later = ranked["sha256"][ranked.duplicated("copies")]
    later = later[~later.isin(registry.find_labelled_images())]
    return _exclude(rows, rows["sha256"].isin(later), DUPLICATE)


def _exclude(rows: pd.DataFrame, which: "pd.Series[bool]", reason: str) -> pd.DataFrame:
    which = which & (rows["split"] != EXCLUDED)
    return rows.assign(
        split=rows["split"].mask(which, EXCLUDED), reason=rows["reason"].mask(which, reason)
    )
