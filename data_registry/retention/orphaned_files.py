"""Find and delete orphaned files: leftovers of stopped runs, and bytes of deleted images."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import sqlalchemy as sa

from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.files import PARTIAL, StoredFile
from data_registry.storage.settled import find_present, select_among
from data_registry.storage.stored_names import build_blob_path, parse_blob_name, parse_version_name
from data_registry.versions.manifest import build_card_path, build_manifest_path
from data_registry.versions.published_versions import load_publication_times
from data_registry.versions.soft_labels import build_soft_labels_path

# Bytes are written before their row: a younger file may belong to a run in progress.
SETTLED_SECONDS = 24 * 60 * 60

UNFINISHED = "an unfinished write"
UNNAMED = "bytes without an image, left by a collection or import that was stopped"
GONE = "bytes of an image that was not kept or was taken down"
UNPUBLISHED = "a version that was never published"

_DELETED_AT_ONCE = 64  # files deleted under one lock, which blocks storing images

_FOLDERS = ("blobs", "versions", "embeddings", "teachers", "out_of_fold", "runs", "reports")


@dataclass(frozen=True)
class OrphanedFile:
    """A file that can be deleted."""

    path: str
    reason: str
    byte_count: int
    written: float


def find_orphaned_files(registry: Registry, settled: float = SETTLED_SECONDS) -> list[OrphanedFile]:
    """Find the files that can be deleted, sorted by path; change nothing.

    Files whose names are not Ephyra's are ignored.

    Args:
        registry: holds the rows that refer to files.
        settled: seconds after which a file without a row counts as orphaned.

    Raises:
        StorageError: the files cannot be listed.
    """
    rules = _OrphanRules(registry, time.time() - settled)
    return [
        OrphanedFile(file.path, reason, file.byte_count, file.written)
        for folder in _FOLDERS
        for file in registry.files.list_stored_files(folder)
        if (reason := rules.find_reason(file))
    ]


def delete_orphaned_files(registry: Registry, files: Sequence[OrphanedFile]) -> None:
    """Delete the files, except those recorded or rewritten since they were found.

    Raises:
        StorageError: one could not be deleted; run it again.
    """
    for start in range(0, len(files), _DELETED_AT_ONCE):
        portion = files[start : start + _DELETED_AT_ONCE]
        with registry.database.begin_exclusive_transaction() as connection:
            named = _find_recorded_paths(connection, portion)
            for file in portion:
                if file.path not in named and _is_unchanged(registry, file):
                    registry.files.delete(file.path)


def _find_recorded_paths(connection: sa.Connection, files: Sequence[OrphanedFile]) -> set[str]:
    names = {PurePosixPath(file.path).name.partition(".")[0] for file in files}
    published = select_among(connection, sa.select(schema.version.c.version_hash), names)
    blobs = {build_blob_path(sha256) for sha256 in find_present(connection, names)}
    return blobs.union(*(_list_version_files(name) for name in published))


def _is_unchanged(registry: Registry, file: OrphanedFile) -> bool:
    if file.reason == GONE:
        return True  # its writer had read an old state
    now = registry.files.stat(file.path)
    return now is not None and now.written <= file.written


class _OrphanRules:
    def __init__(self, registry: Registry, before: float) -> None:
        self._before = before
        self._present = registry.find_present_images()
        self._gone = (registry.find_known_images() | registry.find_tombstones()) - self._present
        self._published = set(_list_published_files(registry))

    def find_reason(self, file: StoredFile) -> str:
        """Find the reason why a file can be deleted; empty where it stays."""
        path = PurePosixPath(file.path)
        is_old = file.written < self._before
        if path.name.startswith(".") and path.name.endswith(PARTIAL):
            return UNFINISHED if is_old else ""
        if sha256 := parse_blob_name(file.path):
            return self._judge_blob(sha256, is_old)
        if parse_version_name(file.path) and file.path not in self._published and is_old:
            return UNPUBLISHED
        return ""

    def _judge_blob(self, sha256: str, is_old: bool) -> str:
        if sha256 in self._present:
            return ""
        if sha256 in self._gone:
            return GONE
        return UNNAMED if is_old else ""


def _list_published_files(registry: Registry) -> Iterator[str]:
    for version_hash in load_publication_times(registry):
        yield from _list_version_files(version_hash)


def _list_version_files(version_hash: str) -> tuple[str, ...]:
    return (
        build_manifest_path(version_hash),
        build_card_path(version_hash),
        build_soft_labels_path(version_hash),
    )
