"""Groups: images that a split must not separate.

Evidence is kept as links between two images (`group_link`: method and distance); groups are the
connected components of all links that hold after a person's word
(`data_registry.duplicates.links`), and a group's name is its smallest SHA-256. So groups do not
depend on the order in which images came.
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
from data_registry.duplicates.name_patterns import ImportedFile, find_name_links
from data_registry.duplicates.near_duplicates import Fingerprints, Radii, find_duplicates_of_new
from data_registry.duplicates.reported_groups import LARGEST, ReportedGroup, report_groups
from data_registry.errors import StorageError
from data_registry.images.hashing import ORIENTATIONS
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now

ALONE = "alone"
Link = tuple[str, str, float]


@dataclass(frozen=True)
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
    """Link every image that has no group yet to all its near-copies, old and new."""
    everything = load_fingerprints(registry)
    grouped = set(load_groups(registry))
    is_new = np.array([name not in grouped for name in everything.sha256], bool)
    if is_new.any():
        new, old = everything.subset(is_new), everything.subset(~is_new)
        add_links(registry, "hash", find_duplicates_of_new(new, old, radii))


def link_images_by_names(registry: Registry, patterns: Sequence[str]) -> None:
    """Link imported images that their file names tie together."""
    statement = sa.select(schema.label.c.sha256, schema.label.c.class_name, schema.label.c.path)
    rows = registry.database.rows(statement)
    images = [ImportedFile(row.sha256, row.class_name, row.path) for row in rows]
    add_links(registry, "name", find_name_links(images, patterns))


def update_groups(registry: Registry, largest: int = LARGEST) -> GroupSummary:
    """Draw the groups anew from all links and write the members whose row changed.

    Args:
        registry: where the links are.
        largest: images; a greater group is reported for a person.
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
    """SHA-256 to group id, for every image that has been grouped."""
    table = schema.group_member
    rows = registry.database.rows(sa.select(table.c.sha256, table.c.group_id))
    return {row.sha256: row.group_id for row in rows}


def load_fingerprints(registry: Registry) -> Fingerprints:
    """The hashes of every stored image, sorted by image.

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
    # Sorted here: a database that sorts reads its rows one by one, wherever they lie.
    return registry.database.table(statement).sort_by("sha256")


def _decode_hashes(orientations: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Rows of eight big-endian numbers as an array of shape (n, 8)."""
    joined = b"".join(orientations.to_pylist())
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64).reshape(-1, ORIENTATIONS)


def add_links(registry: Registry, method: str, links: Iterable[Link]) -> None:
    """Keep links as evidence; one that this method has found before is passed over."""
    at = now()
    rows = (
        {"first": first, "second": second, "method": method, "distance": distance, "at": at}
        for first, second, distance in links
    )
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.group_link, rows)


def _build_members(known: Sequence[str], links: pd.DataFrame) -> pd.DataFrame:
    """One row an image: its group, and the method and distance of its closest link."""
    members = pd.DataFrame({"sha256": list(known), "group_id": find_components(known, links)})
    closest = pd.concat([links, links.rename(columns={"first": "second", "second": "first"})])
    closest = closest.drop_duplicates("first").set_index("first")  # links come closest first
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
