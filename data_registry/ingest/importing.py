"""Import a labelled set: its images and the class of each."""

from collections import Counter
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from data_registry.errors import ImageError, StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.images.image_limits import DEFAULT_LIMITS, ImageLimits, read_image_file
from data_registry.images.image_record import build_image_record
from data_registry.images.records import ImageRecord, Source
from data_registry.images.thumbnail_decode import decode_thumbnail_file
from data_registry.ingest.folder_walk import UnreadEntry
from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.ingest.labelled_set import LabelledFile, read_labelled_set
from data_registry.progress import Progress, SilentProgress
from data_registry.registry import Registry, build_blob_path
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.storage.settled import find_labelled, find_let_go, find_taken_down

PROVIDER = "import"
SHARD = 256
TAKEN_DOWN = "was taken down (`ephyra forget`) and must not come back"
THREADS = 4


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    """The outcome of an import.

    Attributes:
        files: files read.
        images: different images among them (exact copies count once).
        new: images the registry did not have.
        classes: images per class.
        unreadable: (path, why) of files that are no usable images and were left out.
        conflicting: paths whose bytes were imported under several classes. They wait in the review
            queue; until a person decides, the image is in no version.
        not_read: entries below the folder that were not read, and why.
        notes: how the folders' names were read, where that is worth a look.
    """

    files: int
    images: int
    new: int
    classes: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    conflicting: tuple[str, ...]
    not_read: tuple[UnreadEntry, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _ReadFile:
    """A file that was read: its image, or why it has none."""

    file: LabelledFile
    image: ImageRecord | None
    trouble: str = ""
    is_written: bool = False


def import_folder(
    registry: Registry,
    folder: Path,
    progress: Progress | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
    *,
    is_nested: bool = False,
) -> ImportSummary:
    """Import an ImageFolder into the registry. A second import changes nothing.

    A file that cannot be decoded is named in the summary and left out; the rest is imported.

    Args:
        registry: where the images go.
        folder: one folder a class, with or without train/valid/test above them.
        progress: told of every file.
        limits: what a file may be; what is beyond them is never read whole.
        is_nested: see `read_labelled_set`.

    Raises:
        LabelledSetError: see `read_labelled_set`; nothing was imported.
        StorageError: what was finished is kept, and the import can be given again.
    """
    progress = progress or SilentProgress()
    labelled = read_labelled_set(folder, limits, is_nested=is_nested)
    files = labelled.files
    known = registry.find_known_images()
    read_file = partial(_read, registry, registry.find_tombstones(), limits)
    progress.start("importing", len(files))
    read: list[_ReadFile] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(files), SHARD):
            shard = list(pool.map(read_file, files[start : start + SHARD]))
            read += _record(registry, shard)
            progress.advance(len(shard))
    progress.finish()
    summary = _summarise(registry, read, known)
    return replace(summary, not_read=labelled.not_read, notes=labelled.notes)


def _read(
    registry: Registry, tombstones: Set[str], limits: ImageLimits, file: LabelledFile
) -> _ReadFile:
    try:
        data = read_image_file(file.file, limits.max_bytes)
        image = build_image_record(data, decode_thumbnail_file(data, limits))
    except ImageError as error:
        return _ReadFile(file, None, f"{error.outcome}: {error}")
    if image.sha256 in tombstones:
        return _ReadFile(file, None, TAKEN_DOWN)
    return _ReadFile(file, image, is_written=registry.store_named(image.sha256, data))


def _record(registry: Registry, shard: Sequence[_ReadFile]) -> list[_ReadFile]:
    """Write the rows of a shard; images that were taken down since are left out."""
    at = now()
    with registry.database.begin_exclusive_transaction() as connection:
        settled = _settle(registry, connection, shard)
        usable = [(item.file, item.image) for item in settled if item.image]
        labels = [
            {
                "sha256": image.sha256,
                "class_name": file.class_name,
                "path": file.path,
                "given_split": file.split,
                "at": at,
            }
            for file, image in usable
        ]
        sources = [
            (image.sha256, Source(provider=PROVIDER, url=f"{PROVIDER}:{file.path}"))
            for file, image in usable
        ]
        registry.record_images(connection, (image for _, image in usable), at)
        registry.record_sources(connection, sources, at)
        registry.database.add(connection, schema.label, labels)
    return settled


def _settle(
    registry: Registry, connection: sa.Connection, shard: Sequence[_ReadFile]
) -> list[_ReadFile]:
    """Delete bytes of images taken down meanwhile; write again what `gc` deleted meanwhile."""
    names = {item.image.sha256 for item in shard if item.image}
    taken_down = find_taken_down(connection, names)
    for sha256 in taken_down:
        registry.files.delete(build_blob_path(sha256))
    # Bytes that a row held already, or that this import wrote, are nothing that gc would delete.
    doubtful = find_let_go(connection, names) | (
        {item.image.sha256 for item in shard if item.image and not item.is_written}
        - find_labelled(connection, names)
    )
    for item in shard:
        if item.image and item.image.sha256 in doubtful - taken_down:
            _store_again(registry, item.file.file, item.image.sha256)
    return [
        _ReadFile(item.file, None, TAKEN_DOWN)
        if item.image and item.image.sha256 in taken_down
        else item
        for item in shard
    ]


def _store_again(registry: Registry, file: Path, sha256: str) -> None:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise StorageError(f"{file} cannot be read any more: {error.strerror}") from error
    if compute_sha256(data) != sha256:
        raise StorageError(f"{file} has changed while it was imported: run the same import again")
    registry.store_named(sha256, data)


def _summarise(registry: Registry, read: Sequence[_ReadFile], known: set[str]) -> ImportSummary:
    classes = {item.image.sha256: item.file.class_name for item in read if item.image}
    conflicts = load_label_conflicts(registry)
    return ImportSummary(
        files=len(read),
        images=len(classes),
        new=len(classes.keys() - known),
        classes=dict(sorted(Counter(classes.values()).items())),
        unreadable=tuple((item.file.path, item.trouble) for item in read if not item.image),
        conflicting=tuple(
            item.file.path for item in read if item.image and item.image.sha256 in conflicts
        ),
    )
