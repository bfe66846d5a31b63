"""The registry: one object that holds a workspace's files and database.

The work itself is done by functions in the modules beside this one: importing, grouping, splits,
versions, verify. They take a `Registry` as their first argument.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from data_registry.errors import StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.images.records import CollectedImage, FetchAttempt, ImageRecord, Source
from data_registry.storage import schema
from data_registry.storage.database import Database, Row, now
from data_registry.storage.database_urls import build_sqlite_url
from data_registry.storage.files import FileStore
from data_registry.storage.settled import find_let_go, find_taken_down
from data_registry.storage.stored_names import build_blob_path
from data_registry.storage.workspace_id import bind, refuse_known_files

__all__ = ["Registry", "build_blob_path"]


class Registry:
    """Images, where they were seen, and everything said about them.

    Args:
        files: where blobs, versions, features and runs lie.
        database: where the tables lie.
    """

    def __init__(self, files: FileStore, database: Database) -> None:
        self.files = files
        self.database = database

    @classmethod
    def open(cls, root: str | Path, database_url: str | sa.URL | None = None) -> "Registry":
        """Open a workspace, creating what is missing.

        Args:
            root: a folder or an fsspec URL.
            database_url: an SQLAlchemy URL; by default ``registry.db`` in the folder.

        Raises:
            StorageError: the place cannot be opened, a remote one comes without a database, or
                the folder and the database belong to different workspaces.
        """
        files = FileStore(root)
        url = database_url or _build_default_database_url(files)
        database = Database(url, before_making=lambda place: refuse_known_files(files, place))
        try:
            bind(files, database)
        except BaseException:
            database.close()
            raise
        return cls(files, database)

    def close(self) -> None:
        """Close the connections to the database."""
        self.database.close()

    def __enter__(self) -> "Registry":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Bytes

    def store_bytes(self, data: bytes) -> str:
        """Store the bytes and return their SHA-256. Safe to call from several threads."""
        sha256 = compute_sha256(data)
        self.store_named(sha256, data)
        return sha256

    def store_named(self, sha256: str, data: bytes) -> bool:
        """Store bytes whose SHA-256 the caller has already computed.

        Returns:
            Whether they were written; False where they were stored before.
        """
        path = build_blob_path(sha256)
        if self.files.exists(path):
            return False
        self.files.write(path, data)
        return True

    def read_image(self, sha256: str) -> bytes:
        """Read the original bytes of a stored image."""
        return self.files.read(build_blob_path(sha256))

    # Images and where they were seen

    def find_known_images(self) -> set[str]:
        """Find the SHA-256 of every image ever stored, deleted ones included."""
        return {row.sha256 for row in self.database.rows(sa.select(schema.image.c.sha256))}

    def find_present_images(self) -> set[str]:
        """Find the SHA-256 of every image whose bytes are stored."""
        return self.find_known_images() - self.find_tombstones() - self.find_discarded_images()

    def find_labelled_images(self) -> set[str]:
        """Find the SHA-256 of every image that was imported with a label."""
        statement = sa.select(schema.label.c.sha256).distinct()
        return {row.sha256 for row in self.database.rows(statement)}

    def find_images_from(self, providers: Collection[str]) -> set[str]:
        """Find the SHA-256 of every image that one of the providers yielded."""
        source = schema.source
        statement = sa.select(source.c.sha256).where(source.c.provider.in_(providers)).distinct()
        return {row.sha256 for row in self.database.rows(statement)}

    def find_tombstones(self) -> set[str]:
        """Find the SHA-256 of every image that was taken down."""
        return {row.sha256 for row in self.database.rows(sa.select(schema.tombstone.c.sha256))}

    def is_taken_down(self, sha256: str) -> bool:
        """Whether the image is taken down at this moment."""
        statement = sa.select(schema.tombstone.c.sha256).where(schema.tombstone.c.sha256 == sha256)
        return bool(self.database.rows(statement))

    def find_discarded_images(self) -> set[str]:
        """Find the SHA-256 of every collected image that was discarded.

        An image that the user imported afterwards is not among them.
        """
        rows = self.database.rows(sa.select(schema.discarded.c.sha256))
        return {row.sha256 for row in rows} - self.find_labelled_images()

    def record_images(
        self, connection: sa.Connection, images: Iterable[ImageRecord], at: str
    ) -> None:
        """Write the rows of images and their hashes, inside a caller's transaction."""
        images = list(images)
        self.database.add(
            connection, schema.image, (_build_image_row(image, at) for image in images)
        )
        self.database.add(
            connection,
            schema.image_hash,
            (row for image in images for row in _build_hash_rows(image)),
        )

    def record_sources(
        self, connection: sa.Connection, sources: Iterable[tuple[str, Source]], at: str
    ) -> None:
        """Write where images were seen: (SHA-256, source) pairs, in a caller's transaction."""
        rows = ({"sha256": sha256, **vars(source), "at": at} for sha256, source in sources)
        self.database.add(connection, schema.source, rows)

    def record_collected(self, batch: Sequence[CollectedImage]) -> list[CollectedImage]:
        """Write a batch of collected images in one transaction.

        An image that was taken down or discarded since the collection began is recorded as such,
        and its bytes are deleted again.

        Returns:
            The batch as it was written.

        Raises:
            RuleError, StorageError: nothing of the batch was written.
        """
        if not batch:
            return []
        at = now()
        with self.database.begin_exclusive_transaction() as connection:
            settled = self._settle(connection, batch)
            self.record_images(connection, (item.image for item in settled if item.image), at)
            seen = [(item.attempt.sha256, item.attempt.source) for item in settled]
            self.record_sources(connection, [pair for pair in seen if pair[0]], at)
            rows = [_build_attempt_row(item.attempt, at) for item in settled]
            connection.execute(sa.insert(schema.fetch_attempt), rows)
        return settled

    def _settle(
        self, connection: sa.Connection, batch: Sequence[CollectedImage]
    ) -> list[CollectedImage]:
        names = {item.attempt.sha256 for item in batch} - {""}
        taken_down, let_go = find_taken_down(connection, names), find_let_go(connection, names)
        brought = {item.attempt.sha256 for item in batch if item.image}
        for sha256 in (taken_down | let_go) & brought:
            self.files.delete(build_blob_path(sha256))
        return [
            item.mark_taken_down()
            if item.attempt.sha256 in taken_down
            else item.mark_not_kept()
            if item.attempt.sha256 in let_go
            else item
            for item in batch
        ]

    def load_last_attempts(self, provider: str) -> dict[tuple[str, str], FetchAttempt]:
        """Load the latest attempt at each candidate of a provider, by (query, URL)."""
        attempt = schema.fetch_attempt
        statement = (
            sa.select(attempt).where(attempt.c.provider == provider).order_by(attempt.c.attempt_id)
        )
        return {(row.query, row.url): _parse_attempt(row) for row in self.database.rows(statement)}


def _build_default_database_url(files: FileStore) -> sa.URL:
    path = files.build_local_path("registry.db")
    if path is None:
        raise StorageError(
            f"{files.shown_root} is a remote store, and a database cannot lie there: use an "
            'SQLAlchemy URL, for example database = "postgresql+psycopg://user@host/name"'
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the workspace {files.root}: {error.strerror}") from error
    return build_sqlite_url(path)


def _build_image_row(image: ImageRecord, at: str) -> Row:
    return {
        "sha256": image.sha256,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "byte_count": image.byte_count,
        "at": at,
    }


def _build_hash_rows(image: ImageRecord) -> Iterable[Row]:
    for kind, hashes in (("phash", image.phash), ("dhash", image.dhash)):
        orientations = hashes.astype(">u8").tobytes()
        yield {"sha256": image.sha256, "kind": kind, "orientations": orientations}


def _build_attempt_row(attempt: FetchAttempt, at: str) -> Row:
    return {
        "provider": attempt.source.provider,
        "query": attempt.source.query,
        "url": attempt.source.url,
        "outcome": str(attempt.outcome),
        "retryable": attempt.retryable,
        "sha256": attempt.sha256,
        "status": attempt.status,
        "byte_count": attempt.byte_count,
        "milliseconds": attempt.milliseconds,
        "detail": attempt.detail,
        "at": at,
    }


def _parse_attempt(row: "sa.Row[tuple[object, ...]]") -> FetchAttempt:
    return FetchAttempt(
        source=Source(provider=row.provider, url=row.url, query=row.query),
        outcome=row.outcome,
        retryable=row.retryable,
        sha256=row.sha256,
        status=row.status,
        byte_count=row.byte_count,
        milliseconds=row.milliseconds,
        detail=row.detail,
    )
