"""Take images down: delete the bytes for good, and leave a tombstone that keeps them out.

Decisions, annotations and versions stay on record, since versions are immutable. The hashes stay
too, so that duplicates are recognised and kept out. The tombstone is written before the bytes are
deleted: `verify` reports a takedown that was killed in between, and running it again completes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from data_registry.csv_files import restore_cell
from data_registry.errors import InputError
from data_registry.registry import Registry, build_blob_path
from data_registry.runs.run_records import load_runs
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.text.hashes import LEAST_PREFIX, is_prefix_of
from data_registry.versions.published_versions import (
    find_images_taken_down,
    load_version_rows,
    load_versions,
)


@dataclass(frozen=True, kw_only=True)
class TakedownResult:
    """What a takedown did, and which versions and runs it affects.

    Attributes:
        images: SHA-256 of the images, sorted.
        new: how many of them had not been taken down before.
        reason: as stated.
        versions: tags of the versions that hold one of them.
        runs: runs of these versions, which were trained or measured on the images.
    """

    images: tuple[str, ...]
    new: int
    reason: str
    versions: tuple[str, ...]
    runs: tuple[str, ...]


def find_images_to_take_down(
    registry: Registry,
    urls: Sequence[str] = (),
    creators: Sequence[str] = (),
    sha256s: Sequence[str] = (),
) -> list[str]:
    """Find the images of a takedown request.

    Args:
        registry: holds the images.
        urls: of images, or of the pages that show them.
        creators: names exactly as the providers state them.
        sha256s: whole, or prefixes of at least 6 characters.

    Returns:
        SHA-256 of the images, sorted, including those taken down before.

    Raises:
        InputError: an argument is empty or matches no image, or a prefix several.
    """
    source = schema.source
    found: set[str] = set()
    if not all(text.strip() for text in (*urls, *creators, *sha256s)):
        raise InputError(
            "a URL, creator or SHA-256 is empty, which would mean every image that states none; "
            "nothing was taken down"
        )
    for url in urls:
        found |= _find_by_source(
            registry, sa.or_(source.c.url == url, source.c.page_url == url), url
        )
    for creator in creators:
        # Also as our CSV files escape it (`data_registry.csv_files`).
        spelt = source.c.creator.in_({creator, restore_cell(creator)})
        found |= _find_by_source(registry, spelt, creator)
    return sorted(found | {_find_by_prefix(registry, prefix) for prefix in sha256s})


def take_down_images(registry: Registry, sha256s: Sequence[str], reason: str) -> TakedownResult:
    """Take images down: write a tombstone for each, then delete their bytes.

    Args:
        registry: holds the images.
        sha256s: of stored images.
        reason: who asked for it and why; stored with the tombstone.

    Raises:
        StorageError: bytes could not be deleted; run the same takedown again.
    """
    before, at = registry.find_tombstones(), now()
    rows = [{"sha256": name, "reason": reason, "at": at} for name in sha256s]
    with registry.database.begin_exclusive_transaction() as connection:
        registry.database.add(connection, schema.tombstone, rows)
    for name in sha256s:
        registry.files.delete(build_blob_path(name))
    tags, trained = _find_affected(registry, set(sha256s))
    return TakedownResult(
        images=tuple(sha256s),
        new=len(set(sha256s) - before),
        reason=reason,
        versions=tags,
        runs=trained,
    )


def _find_affected(registry: Registry, gone: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find the tags of the versions that hold the images, and their runs."""
    holding = [
        item
        for item in load_versions(registry)
        if gone.intersection(find_images_taken_down(registry, load_version_rows(registry, item)))
    ]
    table = load_runs(registry)
    theirs = table["version_hash"].isin([item.version_hash for item in holding])
    return tuple(item.tag for item in holding), tuple(sorted(table["run_id"][theirs]))


def _find_by_source(
    registry: Registry, condition: "sa.ColumnElement[bool]", given: str
) -> set[str]:
    rows = registry.database.rows(sa.select(schema.source.c.sha256).where(condition).distinct())
    if not rows:
        raise InputError(
            f"no image here has the URL, page or creator {given!r}; nothing was taken down. "
            "`ephyra decisions --csv FILE` lists them as they are spelt"
        )
    return {row.sha256 for row in rows}


def _find_by_prefix(registry: Registry, prefix: str) -> str:
    known = [name for name in registry.find_known_images() if name.startswith(prefix.lower())]
    if len(known) == 1 and is_prefix_of(prefix, known[0]):
        return known[0]
    raise InputError(
        f"{prefix!r} is the beginning of {len(known)} images' SHA-256; expected exactly one, and "
        f"at least {LEAST_PREFIX} characters. Nothing was taken down"
    )
