"""Read and write a version's manifest: one row for each image, Parquet, named by its content."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from data_registry.errors import StorageError
from data_registry.registry import Registry
from data_registry.storage.stored_content import name_damaged_file, read_rows
from data_registry.vocabulary import Split

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

_JSON = json.JSONEncoder(ensure_ascii=False)
_ROWS_HASHED = 65_536
EXCLUDED = "excluded"
RESTORE = "Versions are never changed: restore it from a backup"
SPLITS = tuple(split.value for split in Split)
COLUMNS = (
    "sha256",
    "class_name",
    "class_origin",  # label, annotation or decision: where the class came from
    "split",  # train, val, test, or excluded
    "reason",  # why it is excluded; empty otherwise
    "group_id",
    "provider",
    "licence",
    "creator",
)


def normalise_manifest(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the columns of a manifest in their order, and sort by image."""
    return rows.loc[:, list(COLUMNS)].sort_values("sha256").reset_index(drop=True)


def compute_content_hash(manifest: pd.DataFrame) -> str:
    """Compute the version's name: SHA-256 over the rows as JSON lines, sorted by image."""
    import pyarrow as pa

    return hash_rows(pa.Table.from_pandas(normalise_manifest(manifest), preserve_index=False))


def hash_rows(rows: pa.Table) -> str:
    """Hash rows that are sorted already, a batch at a time."""
    digest = hashlib.sha256()
    for portion in rows.select(list(COLUMNS)).to_batches(max_chunksize=_ROWS_HASHED):
        digest.update(_encode_json_lines(portion))
    return digest.hexdigest()


def _encode_json_lines(rows: pa.RecordBatch) -> bytes:
    """Encode the rows as `json.dumps` writes lists, one a line; each distinct text once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for index, column in enumerate(rows.columns):
        coded = column.dictionary_encode(null_encoding="encode")
        first, last = "[" * (index == 0), "]\n" * (index == rows.num_columns - 1)
        words = [f"{first}{_JSON.encode(word)}{last}" for word in coded.dictionary.to_pylist()]
        columns.append(pa.array(words, pa.string()).take(coded.indices))
    return "".join(pc.binary_join_element_wise(*columns, ", ").to_pylist()).encode()


def build_manifest_path(version_hash: str) -> str:
    """Build the manifest's path below the workspace's root."""
    return f"versions/{version_hash}.parquet"


def build_card_path(version_hash: str) -> str:
    """Build the path of the version's card below the workspace's root."""
    return f"versions/{version_hash}.json"


def write_manifest(registry: Registry, version_hash: str, manifest: pd.DataFrame) -> None:
    """Store a manifest under its name."""
    buffer = io.BytesIO()
    normalise_manifest(manifest).to_parquet(buffer, index=False, compression="zstd")
    registry.files.write(build_manifest_path(version_hash), buffer.getvalue())


def read_manifest(registry: Registry, version_hash: str) -> pd.DataFrame:
    """Read the rows of a version.

    Raises:
        StorageError: there is no such manifest, or it is damaged.
    """
    rows: pd.DataFrame = read_unchanged_rows(registry, version_hash).to_pandas()
    return rows


def read_unchanged_rows(registry: Registry, version_hash: str) -> pa.Table:
    """Read the rows of a version as an Arrow table, and check that they are as published.

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
    """Read some columns of a version's rows, unchecked, as an Arrow table.

    Raises:
        StorageError: there is no such manifest, or it is damaged.
    """
    path = build_manifest_path(version_hash)
    return read_rows(registry.files, path, RESTORE, texts=columns).select(list(columns))


@contextmanager
def open_manifests(
    registry: Registry, versions: Mapping[str, str], columns: Sequence[str] = COLUMNS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB connection that holds manifests as tables, as a context manager.

    The files are read without pandas: a million rows take a second.

    Args:
        registry: holds the manifests.
        versions: name of each table, with the hash of the version whose rows it holds.
        columns: columns of the tables.

    Raises:
        StorageError: there is no such manifest, or it is damaged.
    """
    # Imported where it is used: with a module-level import its types outlive the interpreter in a
    # flow, and it prints a complaint at exit.
    import duckdb

    with duckdb.connect() as connection:
        for name, version_hash in versions.items():
            connection.register(name, read_columns(registry, version_hash, columns))
        yield connection
