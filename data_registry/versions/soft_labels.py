"""Soft labels of a version: the calibrated probabilities behind each machine-made class.

They lie beside the manifest, written once with it; its card holds their hash.
"""

import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from data_registry.errors import StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.manifest import EXCLUDED, RESTORE

SOFT_LABELS = "soft_labels"  # in a version's card
_CLASS = "p:"  # begins the names of the columns of probabilities


def build_soft_labels_path(version_hash: str) -> str:
    """Where they lie below the workspace's root."""
    return f"versions/{version_hash}.soft.parquet"


def write_soft_labels(
    registry: Registry, version_hash: str, manifest: pd.DataFrame
) -> dict[str, Any]:
    """Keep what the teachers said of a version's machine-made classes.

    Args:
        registry: knows decisions and predictions.
        version_hash: names the file.
        manifest: the version's rows.

    Returns:
        For the card: how many images, and the file's SHA-256.
    """
    machine = (manifest["class_origin"] == "decision") & (manifest["split"] != EXCLUDED)
    data = _encode_probabilities(_load_probabilities(registry, set(manifest["sha256"][machine])))
    registry.files.write(build_soft_labels_path(version_hash), data)
    return {"images": int(machine.sum()), "sha256": compute_sha256(data)}


def read_soft_labels(
    registry: Registry, version_hash: str, card: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """SHA-256 to class to probability, of a version's machine-made classes.

    Args:
        registry: where they are kept.
        version_hash: of the version.
        card: the version's; one of a time before soft labels has none.

    Raises:
        StorageError: the file is missing, or differs from what was published.
    """
    if SOFT_LABELS not in card:
        return {}
    path = build_soft_labels_path(version_hash)
    data = registry.files.read(path)
    if compute_sha256(data) != card[SOFT_LABELS]["sha256"]:
        raise StorageError(f"{path} is damaged: it is not what was published. {RESTORE}")
    rows = pd.read_parquet(io.BytesIO(data)).set_index("sha256")
    rows = rows.rename(columns=lambda name: str(name).removeprefix(_CLASS))
    return {
        str(sha256): {str(name): float(share) for name, share in row.items() if pd.notna(share)}
        for sha256, row in rows.to_dict("index").items()
    }


def _load_probabilities(registry: Registry, sha256s: set[str]) -> dict[str, Mapping[str, float]]:
    """Of the teacher whose decision holds for each image; one without any word is left out."""
    decided = load_current_decisions(registry)
    teacher = dict(zip(decided["sha256"], decided["teacher_id"], strict=True))
    said = schema.prediction
    statement = sa.select(said.c.sha256, said.c.teacher_id, said.c.probabilities)
    statement = statement.where(said.c.teacher_id.in_(sorted({*teacher.values()})))
    return {
        row.sha256: row.probabilities
        for row in registry.database.rows(statement)
        if row.sha256 in sha256s and teacher[row.sha256] == row.teacher_id
    }


def _encode_probabilities(probabilities: Mapping[str, Mapping[str, float]]) -> bytes:
    names = sorted(probabilities)
    classes = sorted({name for shares in probabilities.values() for name in shares})
    columns: dict[str, Any] = {"sha256": pa.array(names, pa.string())}
    for class_name in classes:
        shares = [probabilities[name].get(class_name) for name in names]
        columns[f"{_CLASS}{class_name}"] = pa.array(shares, pa.float64())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()
