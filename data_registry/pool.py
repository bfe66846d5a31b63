"""The pool: collected images that no person has named, and which of them are copies."""

import pandas as pd
import sqlalchemy as sa

from data_registry import schema
from data_registry.grouping import group_of
from data_registry.registry import Registry
from data_registry.resolve import current_annotations
from data_registry.splits import STRENGTH, assigned_splits

TAKEN_DOWN = "what was taken down"


def pool_images(registry: Registry) -> pd.DataFrame:
    """One row a collected image without an annotation, sorted by image.

    Returns:
        Columns sha256, group_id, queries (tuple of the queries that found it), copy_of (SHA-256
        of the better image of its group, or empty) and copy_split (that image's split, ``pool``,
        or `TAKEN_DOWN`).
    """
    members = _members(registry)
    best = _best_of_group(members)
    settled = set(current_annotations(registry)["sha256"]) | registry.tombstones()
    pool = members[~members["labelled"] & ~members["sha256"].isin(settled)].copy()
    pool["copy_of"] = pool["group_id"].map(best["sha256"])
    pool["copy_split"] = pool["group_id"].map(best["split"])
    alone = pool["copy_of"] == pool["sha256"]
    pool.loc[alone, ["copy_of", "copy_split"]] = ""
    queries = pool_queries(registry)
    pool["queries"] = [queries.get(name, ()) for name in pool["sha256"]]
    columns = ["sha256", "group_id", "queries", "copy_of", "copy_split"]
    return pool.sort_values("sha256")[columns].reset_index(drop=True)


def image_sizes(registry: Registry) -> dict[str, int]:
    """SHA-256 to number of pixels: of two copies the larger is the better."""
    image = schema.image
    statement = sa.select(image.c.sha256, (image.c.width * image.c.height).label("pixels"))
    return {row.sha256: row.pixels for row in registry.database.rows(statement)}


def _members(registry: Registry) -> pd.DataFrame:
    members = pd.DataFrame(sorted(group_of(registry).items()), columns=["sha256", "group_id"])
    # What was collected and not kept stands for nothing: a copy of it is judged by itself.
    members = members[~members["sha256"].isin(registry.discarded_images())].copy()
    labelled, assigned, sizes = (
        registry.labelled_images(),
        assigned_splits(registry),
        image_sizes(registry),
    )
    members["labelled"] = members["sha256"].isin(labelled)
    members["split"] = [assigned.get(name, "pool") for name in members["sha256"]]
    # A collected image that an earlier version put into train is still a pool image here.
    members.loc[~members["labelled"], "split"] = "pool"
    members.loc[members["sha256"].isin(registry.tombstones()), "split"] = TAKEN_DOWN
    members["pixels"] = members["sha256"].map(sizes)
    return members


def _best_of_group(members: pd.DataFrame) -> pd.DataFrame:
    """For each group the image that stands for it.

    What was taken down comes first, so that no copy takes its place; then held-out images, then
    train, then the largest.
    """
    strength = members["split"].map({**STRENGTH, TAKEN_DOWN: -1}).fillna(len(STRENGTH))
    ranked = members.assign(strength=strength).sort_values(
        ["strength", "pixels", "sha256"], ascending=[True, False, True]
    )
    return ranked.drop_duplicates("group_id").set_index("group_id")


def pool_queries(registry: Registry) -> dict[str, tuple[str, ...]]:
    """The queries that found each image, sorted; images that no query found are left out."""
    source = schema.source
    rows = registry.database.rows(
        sa.select(source.c.sha256, source.c.query).where(source.c.query != "").distinct()
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.sha256, []).append(row.query)
    return {sha256: tuple(sorted(queries)) for sha256, queries in found.items()}
