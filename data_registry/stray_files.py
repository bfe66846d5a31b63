"""Files of a workspace that nothing names: what stopped runs left, and bytes whose image went."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from data_registry.files import PARTIAL, StoredFile
from data_registry.manifest import card_path, manifest_path
from data_registry.registry import Registry, blob_path
from data_registry.soft_labels import soft_labels_path
from data_registry.versions import versions

# Bytes are written before their row: what is younger may belong to a run that goes on.
SETTLED_SECONDS = 24 * 60 * 60

UNFINISHED = "an unfinished write"
UNNAMED = "bytes without an image, left by a collection or import that was stopped"
GONE = "bytes of an image that was not kept or was taken down"
UNPUBLISHED = "a version that was never published"

_FOLDERS = ("blobs", "versions", "embeddings", "teachers", "out_of_fold", "runs", "reports")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class StrayFile:
    """A file that may go."""

    path: str
    reason: str
    byte_count: int


def find_stray_files(registry: Registry, settled: float = SETTLED_SECONDS) -> list[StrayFile]:
    """Files that may go, sorted by path; nothing is changed.

    Files that are not named as Ephyra names its own are left alone.

    Args:
        registry: what names files.
        settled: seconds since a file was written after which nobody will name it any more.

    Raises:
        StorageError: the files cannot be listed.
    """
    judge = _Judge(registry, time.time() - settled)
    return [
        StrayFile(file.path, reason, file.byte_count)
        for folder in _FOLDERS
        for file in registry.files.stored_files(folder)
        if (reason := judge.reason(file))
    ]


def delete_stray_files(registry: Registry, files: Sequence[StrayFile]) -> None:
    """Delete them.

    Raises:
        StorageError: one could not be deleted; give it again.
    """
    for file in files:
        registry.files.delete(file.path)


class _Judge:
    def __init__(self, registry: Registry, before: float) -> None:
        self._before = before
        self._present = registry.present_images()
        self._gone = (registry.known_images() | registry.tombstones()) - self._present
        self._published = set(_published(registry))

    def reason(self, file: StoredFile) -> str:
        """Why a file may go; empty where it stays."""
        path = PurePosixPath(file.path)
        is_old = file.written < self._before
        if path.name.startswith(".") and path.name.endswith(PARTIAL):
            return UNFINISHED if is_old else ""
        if not _SHA256.fullmatch(path.name.partition(".")[0]):
            return ""
        if file.path == blob_path(path.name):
            return self._of_blob(path.name, is_old)
        if path.parts[0] == "versions" and file.path not in self._published and is_old:
            return UNPUBLISHED
        return ""

    def _of_blob(self, sha256: str, is_old: bool) -> str:
        if sha256 in self._present:
            return ""
        if sha256 in self._gone:
            return GONE
        return UNNAMED if is_old else ""


def _published(registry: Registry) -> Iterator[str]:
    for version in versions(registry):
        yield manifest_path(version.version_hash)
        yield card_path(version.version_hash)
        yield soft_labels_path(version.version_hash)
