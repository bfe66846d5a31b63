"""Compare two versions by querying their manifests with DuckDB."""

from dataclasses import dataclass

import pandas as pd

from data_registry.registry import Registry
from data_registry.versions.manifest import open_manifests
from data_registry.versions.published_versions import Version

ADDED, REMOVED, RELABELLED, MOVED = "added", "removed", "relabelled", "moved"
CHANGES = (ADDED, REMOVED, RELABELLED, MOVED)

# Excluded rows are not part of a version: they only say why it leaves an image out.
_CHANGE = """
    CREATE TEMP TABLE change AS
    SELECT kind.place, kind.change, sha256,
           coalesce(b.class_name, '') AS class_before, coalesce(b.split, '') AS split_before,
           coalesce(a.class_name, '') AS class_after, coalesce(a.split, '') AS split_after,
           coalesce(a.class_origin, '') AS origin_after, coalesce(x.reason, '') AS reason
    FROM (FROM before WHERE split <> 'excluded') b
    FULL JOIN (FROM after WHERE split <> 'excluded') a USING (sha256)
    LEFT JOIN (FROM after WHERE split = 'excluded') x USING (sha256)
    JOIN (VALUES (1, 'added'), (2, 'removed'), (3, 'relabelled'), (4, 'moved')) kind(place, change)
      ON CASE kind.change
         WHEN 'added' THEN b.split IS NULL
         WHEN 'removed' THEN a.split IS NULL
         WHEN 'relabelled' THEN a.class_name <> b.class_name
         ELSE a.split <> b.split END
"""
_IMAGES = "SELECT * EXCLUDE (place) FROM change ORDER BY place, sha256"
_COUNTS = """
    SELECT change, class_before, split_before, class_after, split_after, reason,
           count(*) AS images
    FROM change GROUP BY ALL
    ORDER BY min(place), class_before, class_after, split_before, split_after, reason
"""
_SIZES = """
    SELECT (SELECT count(*) FROM before WHERE split <> 'excluded'),
           (SELECT count(*) FROM after WHERE split <> 'excluded')
"""
_REDESCRIBED = """
    SELECT count(*) FROM before b JOIN after a USING (sha256)
    WHERE a.split = b.split AND a.class_name = b.class_name AND a.split <> 'excluded'
      AND (a.group_id, a.class_origin, a.provider, a.licence, a.creator)
       <> (b.group_id, b.class_origin, b.provider, b.licence, b.creator)
"""


@dataclass(frozen=True, kw_only=True)
class VersionDiff:
    """What changed from one version to another.

    Attributes:
        before, after: their tags.
        images_before, images_after: images in train, val and test.
        changes: images by added, removed, relabelled and moved (between splits); one that is
            relabelled and moved counts twice.
        redescribed: images with the same class and split, but another group, provider, licence,
            creator or class origin.
        counts: the changes by class and split: columns change, class_before, split_before,
            class_after, split_after, reason (why a removed image is excluded now) and images.
        images: one row for each change: change, sha256, class, split and reason as above,
            origin_after.
    """

    before: str
    after: str
    images_before: int
    images_after: int
    changes: dict[str, int]
    redescribed: int
    counts: pd.DataFrame
    images: pd.DataFrame


def diff_versions(registry: Registry, before: Version, after: Version) -> VersionDiff:
    """Compare two versions; images that only `after` has are added.

    Raises:
        StorageError: a manifest is missing or damaged.
    """
    tables = {"before": before.version_hash, "after": after.version_hash}
    with open_manifests(registry, tables) as connection:
        connection.execute(_CHANGE)
        counts = connection.execute(_COUNTS).df()
        images = connection.execute(_IMAGES).df()
        (sizes,) = connection.execute(_SIZES).fetchall()
        ((redescribed,),) = connection.execute(_REDESCRIBED).fetchall()
    summed = counts.groupby("change")["images"].sum()
    return VersionDiff(
        before=before.tag,
        after=after.tag,
        images_before=sizes[0],
        images_after=sizes[1],
        changes={name: int(summed.get(name, 0)) for name in CHANGES},
        redescribed=redescribed,
        counts=counts,
        images=images,
    )
