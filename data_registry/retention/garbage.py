"""Discard collected images that a person or the policy turned down.

An image can be discarded if it was collected and turned down, has no label, and is in train, val or
test of no tagged version. Its bytes are deleted. Its row, hashes, sources, attempts and decisions
stay, and a row of `discarded` gives the reason. So no URL is fetched again, the same bytes from
elsewhere are not stored again, and its duplicates are still recognised. An import brings it back.

The row is written before the bytes are deleted, so the next run finds what a killed run leaves
(`data_registry.retention.orphaned_files`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from data_registry.labels.class_resolution import (
    NONE_OF_THE_CLASSES,
    load_current_annotations,
    load_current_decisions,
    select_latest,
)
from data_registry.progress import Progress, SilentProgress
from data_registry.registry import Registry, build_blob_path
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.storage.settled import find_labelled, select_among
from data_registry.versions.manifest import open_manifests, read_unchanged_rows
from data_registry.versions.published_versions import load_versions
from data_registry.versions.splits import load_assigned_splits
from data_registry.vocabulary import Verdict

SHARD = 256

# Why an image is kept.
LABELLED = "labelled by the user"
IN_A_VERSION = "in a version"
NAMED = "named by a person"
UNDECIDED = "not decided yet"
_HELD_BY_VERDICT = {
    Verdict.ACCEPTED.value: "accepted, for a version to come",
    Verdict.REVIEW.value: "waiting for a person",
}


@dataclass(frozen=True)
class DiscardableImage:
    """An image that can be discarded.

    Attributes:
        url: the alphabetically first URL at which it was seen.
        reason: who turned it down, and why.
        byte_count: of its file.
    """

    sha256: str
    url: str
    reason: str
    byte_count: int


@dataclass(frozen=True)
class DiscardPlan:
    """Which stored images can be discarded.

    Attributes:
        images: those turned down, sorted by URL.
        kept: number of images that stay, by the reason.
    """

    images: tuple[DiscardableImage, ...]
    kept: Mapping[str, int]


def find_discardable_images(registry: Registry) -> DiscardPlan:
    """Find the images that can be discarded; change nothing.

    Raises:
        StorageError: a version's manifest is missing or damaged, so its images are unknown.
    """
    reasons: dict[str, str] = {}
    kept: dict[str, int] = {}
    for sha256, (holder, reason) in _decide_fates(registry).items():
        if holder:
            kept[holder] = kept.get(holder, 0) + 1
        else:
            reasons[sha256] = reason
    urls, sizes = _load_first_urls(registry), _load_byte_counts(registry)
    images = [
        DiscardableImage(sha256, urls.get(sha256, ""), reason, sizes[sha256])
        for sha256, reason in reasons.items()
    ]
    images.sort(key=lambda item: (item.url, item.sha256))
    return DiscardPlan(tuple(images), dict(sorted(kept.items())))


def discard(
    registry: Registry, images: Sequence[DiscardableImage], progress: Progress | None = None
) -> None:
    """Record the images as discarded, and delete their bytes.

    Args:
        registry: holds the images.
        images: as `find_discardable_images` found them.
        progress: told of every image.

    Raises:
        RuleError: one of them was labelled or published meanwhile; its shard was not changed.
        StorageError: bytes could not be deleted; run it again.
    """
    progress = progress or SilentProgress()
    progress.start("discarding", len(images))
    for start in range(0, len(images), SHARD):
        shard = images[start : start + SHARD]
        _delete_bytes(registry, _record_discarded(registry, shard))
        progress.advance(len(shard))
    progress.finish()


def _record_discarded(registry: Registry, images: Sequence[DiscardableImage]) -> list[str]:
    """Record the discarded images, without those that a person or the policy wants meanwhile."""
    at = now()
    with registry.database.begin_exclusive_transaction() as connection:
        held = _find_wanted(connection, [item.sha256 for item in images])
        rows = [
            {"sha256": item.sha256, "reason": item.reason, "byte_count": item.byte_count, "at": at}
            for item in images
            if item.sha256 not in held
        ]
        registry.database.add(connection, schema.discarded, rows)
    return [str(row["sha256"]) for row in rows]


def _delete_bytes(registry: Registry, sha256s: Sequence[str]) -> None:
    """Delete the bytes of recorded images, except those that an import has just brought back."""
    with registry.database.begin_exclusive_transaction() as connection:
        for sha256 in sorted(set(sha256s) - find_labelled(connection, sha256s)):
            registry.files.delete(build_blob_path(sha256))


def _find_wanted(connection: sa.Connection, sha256s: Sequence[str]) -> set[str]:
    """Find the images that a person named or the policy did not reject, by the latest rows."""
    said = select_latest(schema.annotation, "annotation_id").subquery()
    answered = select_among(connection, sa.select(said.c.sha256), sha256s)
    named = sa.select(said.c.sha256).where(said.c.class_name != NONE_OF_THE_CLASSES)
    decided = select_latest(schema.decision, "decision_id").subquery()
    held = sa.select(decided.c.sha256).where(decided.c.verdict != Verdict.REJECTED.value)
    return select_among(connection, named, sha256s) | (
        select_among(connection, held, sha256s) - answered
    )


def _decide_fates(registry: Registry) -> dict[str, tuple[str, str]]:
    """Decide for each stored image why it is kept, or (empty) why it was turned down."""
    labelled, published = registry.find_labelled_images(), _load_published_images(registry)
    said = _load_judgements(registry)
    fates = {}
    for sha256 in sorted(registry.find_present_images()):
        if sha256 in labelled:
            fates[sha256] = (LABELLED, "")
        elif sha256 in published:
            fates[sha256] = (IN_A_VERSION, "")
        else:
            fates[sha256] = said.get(sha256, (UNDECIDED, ""))
    return fates


def _load_judgements(registry: Registry) -> dict[str, tuple[str, str]]:
    """Load the same for images with a decision or annotation; annotations win."""
    words = {}
    for row in load_current_decisions(registry).to_dict("records"):
        reason = f"rejected, {row['reason']}: {row['detail']}"
        words[row["sha256"]] = (_HELD_BY_VERDICT.get(row["verdict"], ""), reason)
    for row in load_current_annotations(registry).to_dict("records"):
        nothing = row["class_name"] == NONE_OF_THE_CLASSES
        reason = f"{row['person']} said: none of the classes"
        words[row["sha256"]] = ("" if nothing else NAMED, reason)
    return words


def _load_published_images(registry: Registry) -> set[str]:
    """Load the images in train, val or test of any version, by assignment and by manifest."""
    images = set(load_assigned_splits(registry))
    for version in load_versions(registry):
        images.update(_read_members(registry, version.version_hash))
    return images


def _read_members(registry: Registry, version_hash: str) -> Iterator[str]:
    read_unchanged_rows(
        registry, version_hash
    )  # a changed manifest must not decide what is deleted
    tables, columns = {"manifest": version_hash}, ("sha256", "split")
    with open_manifests(registry, tables, columns) as connection:
        rows = connection.execute("SELECT sha256 FROM manifest WHERE split <> 'excluded'")
        yield from (row[0] for row in rows.fetchall())


def _load_first_urls(registry: Registry) -> dict[str, str]:
    source = schema.source
    statement = sa.select(source.c.sha256, sa.func.min(source.c.url).label("url"))
    rows = registry.database.rows(statement.group_by(source.c.sha256))
    return {row.sha256: row.url for row in rows}


def _load_byte_counts(registry: Registry) -> dict[str, int]:
    image = schema.image
    rows = registry.database.rows(sa.select(image.c.sha256, image.c.byte_count))
    return {row.sha256: row.byte_count for row in rows}
