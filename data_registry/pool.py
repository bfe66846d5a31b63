"""The pool: collected images without an annotation, and which of them are duplicates."""

import pandas as pd
import sqlalchemy as sa

from data_registry.duplicates.copies import find_duplicate_sets, rank_duplicates
from data_registry.duplicates.grouping import load_groups
from data_registry.labels.class_resolution import load_current_annotations
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.splits import HELD_OUT, STRENGTH, load_assigned_splits

TAKEN_DOWN = "what was taken down"


def load_pool(registry: Registry) -> pd.DataFrame:
    """Load the collected images without an annotation: one row each, sorted by SHA-256.

    Returns:
        Columns sha256, group_id, queries (tuple of the queries that found it or a duplicate),
        copy_of (SHA-256 of the better duplicate, or of the image of its group that keeps it
        out; or empty) and copy_split (that image's split, ``pool``, or `TAKEN_DOWN`).
    """
    members = _load_members(registry)
    barring, best = (
        _select_barring_images(members),
        members.drop_duplicates("copies").set_index("copies"),
    )
    settled = set(load_current_annotations(registry)["sha256"]) | registry.find_tombstones()
    pool = members[~members["labelled"] & ~members["sha256"].isin(settled)].copy()
    for column, facts in (("copy_of", "sha256"), ("copy_split", "split")):
        of_group, of_copies = pool["group_id"].map(barring[facts]), pool["copies"].map(best[facts])
        pool[column] = of_group.astype(object).fillna(of_copies)
    alone = pool["copy_of"] == pool["sha256"]
    pool.loc[alone, ["copy_of", "copy_split"]] = ""
    queries = load_pool_queries(registry)
    pool["queries"] = [queries.get(name, ()) for name in pool["sha256"]]
    columns = ["sha256", "group_id", "queries", "copy_of", "copy_split"]
    return pool.sort_values("sha256")[columns].reset_index(drop=True)


def _load_members(registry: Registry) -> pd.DataFrame:
    """Load sha256, copies, group_id, labelled, split of each image, the best duplicate first."""
    groups = load_groups(registry)
    # A discarded image stands for no other: its duplicates are judged by themselves.
    members = rank_duplicates(registry, sorted(groups.keys() - registry.find_discarded_images()))
    members["group_id"] = members["sha256"].map(groups)
    members["labelled"] = members["sha256"].isin(registry.find_labelled_images())
    assigned = load_assigned_splits(registry)
    members["split"] = [assigned.get(name, "pool") for name in members["sha256"]]
    # A collected image that an earlier version put into train is still a pool image here.
    members.loc[~members["labelled"], "split"] = "pool"
    members.loc[members["sha256"].isin(registry.find_tombstones()), "split"] = TAKEN_DOWN
    return members


def _select_barring_images(members: pd.DataFrame) -> pd.DataFrame:
    """Select for each group the image that keeps its other images out of train.

    Images that were taken down come first, so that no duplicate replaces them; then test, then val.
    """
    strength = members["split"].map({TAKEN_DOWN: -1, **{name: STRENGTH[name] for name in HELD_OUT}})
    barring = members.assign(strength=strength).dropna(subset="strength")
    ranked = barring.sort_values("strength", kind="stable")
    return ranked.drop_duplicates("group_id").set_index("group_id")


def load_pool_queries(registry: Registry) -> dict[str, tuple[str, ...]]:
    """Load the queries that found each image or a duplicate of it, sorted."""
    source, sets = schema.source, find_duplicate_sets(registry)
    rows = registry.database.rows(
        sa.select(source.c.sha256, source.c.query).where(source.c.query != "").distinct()
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(sets.get(row.sha256, row.sha256), set()).add(row.query)
    names = {row.sha256 for row in rows} | sets.keys()
    queries = {name: found.get(sets.get(name, name), set()) for name in names}
    return {name: tuple(sorted(words)) for name, words in queries.items() if words}
