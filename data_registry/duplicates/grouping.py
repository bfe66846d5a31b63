"""Group images that a split must not separate.

Evidence is stored as links between two images (`group_link`: method and distance). Groups are the
connected components of all active links (`data_registry.duplicates.links`). A group's name is its
smallest SHA-256, so groups do not depend on the order in which images arrived.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_registry.duplicates.links import active_links, find_components
from data_registry.duplicates.match_thresholds import LARGEST_GROUP, Radii
from data_registry.duplicates.name_patterns import ImportedFile, find_name_links
from data_registry.duplicates.near_duplicates import Fingerprints, find_duplicates_of_new
from data_registry.duplicates.reported_groups import ReportedGroup, report_groups
from data_registry.errors import StorageError
from data_registry.images.hashing import ORIENTATIONS
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now

ALONE = "alone"
Link = tuple[str, str, float]


@dataclass(frozen=True, kw_only=True)
class GroupSummary:
    """What grouping found.

    Attributes:
        images: images that have a group.
        groups: groups of two or more.
        largest: images in the largest group.
        links: number of links by method.
        reported: groups that a person must look at, see `data_registry.duplicates.reported_groups`.
    """

    images: int
    groups: int
    largest: int
    links: dict[str, int]
    reported: tuple[ReportedGroup, ...]


def link_images_by_hashes(registry: Registry, radii: Radii) -> None:
    """Link every image that has no group yet to all its near-duplicates, old and new."""
    everything = load_fingerprints(registry)
    grouped = set(load_groups(registry))
    is_new = np.array([name not in grouped for name in everything.sha256], bool)
    if is_new.any():
        new, old = everything.select(is_new), everything.select(~is_new)
        add_links(registry, "hash", find_duplicates_of_new(new, old, radii))


def link_images_by_names(registry: Registry, patterns: Sequence[str]) -> None:
    """Link imported images whose file names belong together."""
    statement = sa.select(schema.label.c.sha256, schema.label.c.class_name, schema.label.c.path)
    rows = registry.database.rows(statement)
    images = [ImportedFile(row.sha256, row.class_name, row.path) for row in rows]
    add_links(registry, "name", find_name_links(images, patterns))


def update_groups(registry: Registry, largest: int = LARGEST_GROUP) -> GroupSummary:
    """Compute the groups from all active links and write the rows that changed.

    Args:
        registry: holds the links.
        largest: a group of more images is reported.
    """
    known = sorted(registry.find_known_images())
    links = active_links(registry)
    members = _build_members(known, links)
    before = registry.database.frame(sa.select(schema.group_member))
    changed = _find_changed_rows(before, members)
    with registry.database.transaction() as connection:
        table = schema.group_member
        stale = [row["sha256"] for row in changed]
        for start in range(0, len(stale), 500):
            batch = stale[start : start + 500]
            connection.execute(sa.delete(table).where(table.c.sha256.in_(batch)))
        registry.database.add(connection, table, changed)
    return _summarise_groups(members, links, report_groups(registry, members, links, largest))


def load_groups(registry: Registry) -> dict[str, str]:
    """Load the group id of every grouped image, by SHA-256."""
    table = schema.group_member
    rows = registry.database.rows(sa.select(table.c.sha256, table.c.group_id))
    return {row.sha256: row.group_id for row in rows}


def load_fingerprints(registry: Registry) -> Fingerprints:
    """Load the hashes of every stored image, sorted by SHA-256.

    Raises:
        StorageError: an image has only one of its two hashes.
    """
    phash, dhash = (_load_hashes(registry, kind) for kind in ("phash", "dhash"))
    if not phash["sha256"].equals(dhash["sha256"]):
        raise StorageError(
            "the database has lost hashes: some image has only one of its two. Restore it from a "
            "backup"
        )
    names = tuple(phash["sha256"].to_pylist())
    return Fingerprints(names, *(_decode_hashes(rows["orientations"]) for rows in (phash, dhash)))


def _load_hashes(registry: Registry, kind: str) -> pa.Table:
    table = schema.image_hash
    statement = sa.select(table.c.sha256, table.c.orientations).where(table.c.kind == kind)
    # Sorted here, because a sorting database reads its rows one by one.
    return registry.database.table(statement).sort_by("sha256")


def _decode_hashes(orientations: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Decode rows of eight big-endian numbers to an array of shape (n, 8)."""
    joined = b"".join(orientations.to_pylist())
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64).reshape(-1, ORIENTATIONS)


def add_links(registry: Registry, method: str, links: Iterable[Link]) -> None:
    """Store links as evidence; one that this method has found before is skipped."""
    at = now()
    rows = (
        {"first": first, "second": second, "method": method, "distance": distance, "at": at}
        for first, second, distance in links
    )
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.group_link, rows)


def _build_members(known: Sequence[str], links: pd.DataFrame) -> pd.DataFrame:
    """Build one row for each image: its group, and the method and distance of its closest link."""
    members = pd.DataFrame({"sha256": list(known), "group_id": find_components(known, links)})
    closest = pd.concat([links, links.rename(columns={"first": "second", "second": "first"})])
    closest = closest.drop_duplicates("first").set_index("first")  # links are sorted, closest first
    found = closest.reindex(members["sha256"])
    members["method"] = found["method"].astype(object).fillna(ALONE).to_numpy()
    members["distance"] = found["distance"].astype(float).fillna(0.0).to_numpy()
    return members


def _find_changed_rows(before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, object]]:
    columns = ["sha256", "group_id", "method", "distance"]
    old = set(before[columns].itertuples(index=False, name=None))
    rows = after[columns].itertuples(index=False, name=None)
    return [dict(zip(columns, row, strict=True)) for row in rows if row not in old]


def _summarise_groups(
    members: pd.DataFrame, links: pd.DataFrame, reported: tuple[ReportedGroup, ...]
) -> GroupSummary:
    sizes = members["group_id"].value_counts()
    return GroupSummary(
        images=len(members),
        groups=int((sizes > 1).sum()),
        largest=int(sizes.max()) if len(sizes) else 0,
        links=dict(sorted(Counter(links["method"]).items())),
        reported=reported,
    )
