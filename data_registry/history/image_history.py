"""Load one image's history: everything the registry knows of it, in chronological order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import sqlalchemy as sa

from data_registry.history.history_events import (
    Event,
    load_attempt_events,
    load_duplicate_events,
    load_link_events,
    load_pair_annotation_events,
    load_row_events,
    load_run_events,
    load_version_events,
)
from data_registry.history.image_lookup import ImageReference
from data_registry.registry import Registry, build_blob_path
from data_registry.storage import schema
from data_registry.versions.manifest import EXCLUDED

# The order of events with the same time.
_ORDER = (
    "tried",
    "stored",
    "seen",
    "labelled",
    "linked",
    "compared",
    "assigned",
    "predicted",
    "decided",
    "drawn",
    "answered",
    "version",
    "run",
    "discarded",
    "taken down",
)


@dataclass(frozen=True, kw_only=True)
class ImageHistory:
    """What is known of one image.

    Attributes:
        sha256: of the image; empty where a URL was tried and nothing was stored.
        state: its present state, in words.
        facts: format, width, height, byte_count, phash and dhash (upright, hexadecimal), and
            whether its bytes are there; empty without an image.
        group: the other images of its group, sorted.
        events: oldest first.
    """

    sha256: str
    state: str
    facts: Mapping[str, Any]
    group: tuple[str, ...]
    events: tuple[Event, ...]


def load_image_history(registry: Registry, image: ImageReference) -> ImageHistory:
    """Load an image's history.

    Args:
        registry: holds the image.
        image: see `data_registry.history.image_lookup.find_image`.

    Raises:
        StorageError: a version's manifest is missing or damaged.
    """
    sha256 = image.sha256
    versions = load_version_events(registry, sha256) if sha256 else []
    found = chain(
        load_attempt_events(registry, sha256, image.url),
        load_row_events(registry, sha256),
        load_link_events(registry, sha256),
        load_pair_annotation_events(registry, sha256),
        load_duplicate_events(registry, sha256),
        versions,
        load_run_events(registry, versions),
    )
    events = sorted(found, key=lambda event: (event.at, _ORDER.index(event.what)))
    return ImageHistory(
        sha256=sha256,
        state=_describe_state(registry, sha256, events),
        facts=_load_facts(registry, sha256),
        group=_load_group(registry, sha256),
        events=tuple(events),
    )


def _describe_state(registry: Registry, sha256: str, events: Sequence[Event]) -> str:
    """Describe the image's present state; later events win."""
    last = {event.what: event for event in events}
    if "taken down" in last:
        return f"taken down: {last['taken down'].facts['reason']}"
    if sha256 in registry.find_discarded_images():
        return f"collected, not kept: {last['discarded'].facts['reason']}"
    newest = registry.database.rows(_select_newest_tag())
    if "version" in last and newest and last["version"].facts["tag"] == newest[0].tag:
        return _describe_version(last["version"].facts)
    word = next((last[kind] for kind in ("answered", "decided") if kind in last), None)
    if word:
        return f"not in the newest version; {word.what}: {word.detail}"
    if "stored" in last:
        return "not in the newest version: nobody has said yet what it shows"
    return f"nothing was kept; {last['tried'].detail}"


def _select_newest_tag() -> "sa.Select[tuple[str]]":
    tag = schema.version_tag
    return sa.select(tag.c.tag).order_by(tag.c.number.desc()).limit(1)


def _describe_version(facts: Mapping[str, Any]) -> str:
    if facts["split"] == EXCLUDED:
        return f"left out of {facts['tag']}: {facts['reason']}"
    return (
        f"in {facts['tag']}, {facts['split']}, as {facts['class_name']} ({facts['class_origin']})"
    )


def _load_facts(registry: Registry, sha256: str) -> Mapping[str, Any]:
    image, kept = schema.image, schema.image_hash
    rows = registry.database.rows(sa.select(image).where(image.c.sha256 == sha256))
    if not rows:
        return {}
    hashes = registry.database.rows(sa.select(kept).where(kept.c.sha256 == sha256))
    named = {name: rows[0]._mapping[name] for name in ("format", "width", "height", "byte_count")}
    upright = {row.kind: row.orientations[:8].hex() for row in hashes}
    return {**named, **upright, "bytes_are_there": registry.files.exists(build_blob_path(sha256))}


def _load_group(registry: Registry, sha256: str) -> tuple[str, ...]:
    member = schema.group_member
    own = sa.select(member.c.group_id).where(member.c.sha256 == sha256)
    statement = sa.select(member.c.sha256).where(member.c.group_id.in_(own))
    rows = registry.database.rows(statement.where(member.c.sha256 != sha256))
    return tuple(sorted(row.sha256 for row in rows))
