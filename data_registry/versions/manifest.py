"""The manifest of a version: one row an image, stored as Parquet, named by its content."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_registry.errors import StorageError
from data_registry.registry import Registry
from data_registry.storage.stored_content import name_damaged_file, read_rows

if TYPE_CHECKING:
    import duckdb

_JSON = json.JSONEncoder(ensure_ascii=False)
_ROWS_HASHED = 65_536
EXCLUDED = "excluded"
RESTORE = "Versions are never changed: restore it from a backup"
SPLITS = ("train", "val", "test")
COLUMNS = (
    "sha256",
    "class_name",
    "class_origin",  # label, annotation or decision: who says what it shows
    "split",  # train, val, test, or excluded
    "reason",  # why it is excluded; empty otherwise
    "group_id",
    "provider",
    "licence",
    "creator",
)


def normalise_manifest(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of a manifest in their order, sorted by image."""
    return rows.loc[:, list(COLUMNS)].sort_values("sha256").reset_index(drop=True)


def compute_content_hash(manifest: pd.DataFrame) -> str:
    """SHA-256 over the rows as JSON lines, sorted by image: the version's name."""
    return hash_rows(pa.Table.from_pandas(normalise_manifest(manifest), preserve_index=False))


def hash_rows(rows: pa.Table) -> str:
    """The same of rows that are in their order already, a portion of them at a time."""
    digest = hashlib.sha256()
    for portion in rows.select(list(COLUMNS)).to_batches(max_chunksize=_ROWS_HASHED):
        digest.update(_encode_json_lines(portion))
    return digest.hexdigest()


def _encode_json_lines(rows: pa.RecordBatch) -> bytes:
    """The rows as `json.dumps` writes lists, each with a line's end; a text is encoded once."""
    columns = []
    for place, column in enumerate(rows.columns):
        coded = column.dictionary_encode(null_encoding="encode")
        first, last = "[" * (place == 0), "]\n" * (place == rows.num_columns - 1)
        words = [f"{first}{_JSON.encode(word)}{last}" for word in coded.dictionary.to_pylist()]
        columns.append(pa.array(words, pa.string()).take(coded.indices))
    return "".join(pc.binary_join_element_wise(*columns, ", ").to_pylist()).encode()


def build_manifest_path(version_hash: str) -> str:
    """Where the manifest lies below the workspace's root."""
    return f"versions/{version_hash}.parquet"


def build_card_path(version_hash: str) -> str:
    """Where the version's card lies below the workspace's root."""
    return f"versions/{version_hash}.json"


def write_manifest(registry: Registry, version_hash: str, manifest: pd.DataFrame) -> None:
    """Store a manifest under its name."""
    buffer = io.BytesIO()
    normalise_manifest(manifest).to_parquet(buffer, index=False, compression="zstd")
    registry.files.write(build_manifest_path(version_hash), buffer.getvalue())


def read_manifest(registry: Registry, version_hash: str) -> pd.DataFrame:
    """The rows of a version.

    Raises:
        StorageError: there is no such manifest, or it is damaged.
    """
    rows: pd.DataFrame = read_unchanged_rows(registry, version_hash).to_pandas()
    return rows


def read_unchanged_rows(registry: Registry, version_hash: str) -> pa.Table:
    """The rows of a version as an Arrow table, which must still be what was published.

    Raises:
        StorageError: there is no such manifest, or it is damaged or was changed.
    """
    rows = read_columns(registry, version_hash, COLUMNS)
    path = build_manifest_path(version_hash)
    with name_damaged_file(path, RESTORE):
        found = hash_rows(rows)
    if found != version_hash:
        raise StorageError(f"{path} is not what was published: its rows were changed. {RESTORE}")
    return rows


def read_columns(registry: Registry, version_hash: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of a version's rows, as they are stored: an Arrow table.

    Raises:
        StorageError: there is no such manifest, or it is damaged.
    """
    path = build_manifest_path(version_hash)
    return read_rows(registry.files, path, RESTORE, texts=columns).select(list(columns))


@contextmanager
def open_manifests(
    registry: Registry, versions: Mapping[str, str], columns: Sequence[str] = COLUMNS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection to ask manifests through, for the length of a `with`.

    The files are read as they are, without pandas in between: a million rows take a second.

    Args:
        registry: where the manifests lie.
        versions: name of a table to the hash of the version whose rows it holds.
        columns: those of a manifest that the tables have.

    Raises:
        StorageError: there is no such manifest, or it is damaged.
    """
    # Loaded where it is used: held by a module for a flow's length, its types outlive the
    # interpreter's end, and it complains about that on the user's screen.
    import duckdb

    with duckdb.connect() as connection:
        for name, version_hash in versions.items():
            connection.register(name, read_columns(registry, version_hash, columns))
        yield connection
