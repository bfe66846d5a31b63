"""Published versions: find one, load its rows, describe its audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.text.hashes import is_prefix_of
from data_registry.text.wording import count_noun
from data_registry.versions.manifest import (
    EXCLUDED,
    read_manifest,
)
from data_registry.versions.version_card import AuditMark, VersionCard, read_card

if TYPE_CHECKING:
    import pandas as pd

UNAUDITED = "unaudited"


@dataclass(frozen=True)
class Version:
    """A published version.

    Attributes:
        tag: v1, v2, …
        version_hash: its content hash.
        parent: hash of the version before it; empty for the first.
        card: counts, settings and checks, as stored beside the manifest.
    """

    tag: str
    version_hash: str
    parent: str
    card: VersionCard


def load_publication_times(registry: Registry) -> dict[str, str]:
    """Load the time (ISO 8601) at which each version was published, by its hash."""
    table = schema.version
    rows = registry.database.rows(sa.select(table.c.version_hash, table.c.at))
    return {row.version_hash: row.at for row in rows}


def load_versions(registry: Registry) -> list[Version]:
    """Load every published version, oldest first."""
    tag, version = schema.version_tag, schema.version
    statement = (
        sa.select(tag.c.tag, tag.c.version_hash, version.c.parent)
        .join(version, version.c.version_hash == tag.c.version_hash)
        .order_by(tag.c.number)
    )
    return [
        Version(row.tag, row.version_hash, row.parent, read_card(registry.files, row.version_hash))
        for row in registry.database.rows(statement)
    ]


def find_newest_version(registry: Registry) -> Version | None:
    """Find the version tagged last, or None."""
    return next(reversed(load_versions(registry)), None)


def find_version(registry: Registry, name: str = "") -> Version:
    """Find the version with this tag, hash or hash prefix; the newest for an empty name.

    Raises:
        InputError: there is none.
    """
    everything = load_versions(registry)
    named = [
        item
        for item in everything
        if not name or item.tag == name or is_prefix_of(name, item.version_hash)
    ]
    if not named:
        tags = ", ".join(item.tag for item in everything) or "none yet: run `ephyra import DIR`"
        raise InputError(f"there is no version {name or 'at all'}; there are: {tags}")
    return named[-1]


def load_images_stored_before(registry: Registry, version: Version) -> set[str]:
    """Load the SHA-256 of the images that were stored when the version was published."""
    image, published = schema.image, schema.version
    moment = sa.select(published.c.at).where(published.c.version_hash == version.version_hash)
    statement = sa.select(image.c.sha256).where(image.c.at <= moment.scalar_subquery())
    return {row.sha256 for row in registry.database.rows(statement)}


def get_audit_mark(card: VersionCard) -> AuditMark:
    """Get what is known of a version's pseudo-labels; cards of earlier releases lack it."""
    unknown: AuditMark = {"state": UNAUDITED, "machine_labelled": 0, "certified": None}
    return card.get("audit", unknown)


def describe_audit(card: VersionCard) -> str:
    """Describe a version's pseudo-labels from its card."""
    mark = get_audit_mark(card)
    words = f"{mark['machine_labelled']}, {mark['state']}" if mark["machine_labelled"] else "none"
    if mark["certified"] is None:
        return words
    return f"{words}: at least {mark['certified']:.3f} right, with 95 % confidence"


def load_version_rows(registry: Registry, version: Version) -> pd.DataFrame:
    """Load the manifest of a published version."""
    return read_manifest(registry, version.version_hash)


def load_complete_rows(registry: Registry, version: Version) -> pd.DataFrame:
    """Load the manifest of a version, all of whose images must exist.

    Raises:
        InputError: some of its images were taken down since.
    """
    rows = load_version_rows(registry, version)
    if gone := find_images_taken_down(registry, rows):
        raise InputError(
            f"{version.tag} holds {count_noun(len(gone), 'image')} taken down since, so it "
            "cannot train a model any more: `ephyra merge` publishes a version without them"
        )
    return rows


def find_images_taken_down(registry: Registry, rows: pd.DataFrame) -> list[str]:
    """Find the images of a manifest that were taken down since it was published, sorted."""
    kept = rows["sha256"][rows["split"] != EXCLUDED]
    return sorted(registry.find_tombstones() & set(kept))
