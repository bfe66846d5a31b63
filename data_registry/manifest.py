"""The manifest of a version: one row an image, stored as Parquet, named by its content."""

import hashlib
import io
import json

import pandas as pd
import pyarrow as pa

from data_registry.errors import StorageError
from data_registry.registry import Registry

EXCLUDED = "excluded"
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


def normalised(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of a manifest in their order, sorted by image."""
    return rows.loc[:, list(COLUMNS)].sort_values("sha256").reset_index(drop=True)


def content_hash(manifest: pd.DataFrame) -> str:
    """SHA-256 over the rows as JSON lines, sorted by image: the version's name."""
    digest = hashlib.sha256()
    for row in normalised(manifest).itertuples(index=False, name=None):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def manifest_path(version_hash: str) -> str:
    """Where the manifest lies below the workspace's root."""
    return f"versions/{version_hash}.parquet"


def card_path(version_hash: str) -> str:
    """Where the version's card lies below the workspace's root."""
    return f"versions/{version_hash}.json"


def write_manifest(registry: Registry, version_hash: str, manifest: pd.DataFrame) -> None:
    """Store a manifest under its name."""
    buffer = io.BytesIO()
    normalised(manifest).to_parquet(buffer, index=False, compression="zstd")
    registry.files.write(manifest_path(version_hash), buffer.getvalue())


def read_manifest(registry: Registry, version_hash: str) -> pd.DataFrame:
    """The rows of a version.

    Raises:
        StorageError: there is no such manifest, or it is damaged.
    """
    path = manifest_path(version_hash)
    try:
        return pd.read_parquet(io.BytesIO(registry.files.read(path)))
    except pa.ArrowException as error:
        raise StorageError(
            f"{path} is damaged ({error}). Versions are never changed: restore it from a backup"
        ) from error
