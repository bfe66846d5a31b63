"""Soft targets of a version: the teacher's calibrated probabilities for each pseudo-label.

Their file lies beside the manifest and is written once with it; the card holds its hash.
"""

import io
from collections.abc import Mapping
from typing import Final

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
from data_registry.versions.version_card import SoftTargetsFile, VersionCard
from data_registry.vocabulary import ClassOrigin

SOFT_LABELS: Final = "soft_labels"  # in a version's card
_CLASS = "p:"  # prefix of the columns of probabilities


def build_soft_labels_path(version_hash: str) -> str:
    """Build the path of the soft targets below the workspace's root."""
    return f"versions/{version_hash}.soft.parquet"


def write_soft_labels(
    registry: Registry, version_hash: str, manifest: pd.DataFrame
) -> SoftTargetsFile:
    """Write the teacher's probabilities for a version's pseudo-labels.

    Args:
        registry: holds decisions and predictions.
        version_hash: names the file.
        manifest: the version's rows.

    Returns:
        For the card: the number of images and the file's SHA-256.
    """
    machine = (manifest["class_origin"] == ClassOrigin.DECISION) & (manifest["split"] != EXCLUDED)
    named = manifest[machine]
    classes = dict(zip(named["sha256"], named["class_name"], strict=True))
    probabilities = _load_probabilities(registry, classes)
    data = _encode_probabilities(probabilities)
    registry.files.write(build_soft_labels_path(version_hash), data)
    return {"images": len(probabilities), "sha256": compute_sha256(data)}


def read_soft_labels(
    registry: Registry, version_hash: str, card: VersionCard
) -> dict[str, dict[str, float]]:
    """Read the probability of each class by SHA-256, for a version's pseudo-labels.

    Args:
        registry: holds the file.
        version_hash: of the version.
        card: the version's card. Cards written before soft targets existed name no file.

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


def _load_probabilities(
    registry: Registry, classes: Mapping[str, str]
) -> dict[str, Mapping[str, float]]:
    """Load the probabilities by the teacher whose decision is current, where there are any.

    Where a query corrected the teacher, its probabilities speak for another class than the one
    that was accepted: such an image keeps its class alone.

    Args:
        registry: holds decisions and predictions.
        classes: SHA-256 to accepted class.
    """
    decided = load_current_decisions(registry)
    teacher = dict(zip(decided["sha256"], decided["teacher_id"], strict=True))
    said = schema.prediction
    statement = sa.select(said.c.sha256, said.c.teacher_id, said.c.probabilities)
    statement = statement.where(said.c.teacher_id.in_(sorted({*teacher.values()})))
    return {
        row.sha256: row.probabilities
        for row in registry.database.rows(statement)
        if row.sha256 in classes
        and teacher[row.sha256] == row.teacher_id
        and max(row.probabilities, key=row.probabilities.get) == classes[row.sha256]
    }


def _encode_probabilities(probabilities: Mapping[str, Mapping[str, float]]) -> bytes:
    names = sorted(probabilities)
    classes = sorted({name for shares in probabilities.values() for name in shares})
    columns: dict[str, pa.Array] = {"sha256": pa.array(names, pa.string())}
    for class_name in classes:
        shares = [probabilities[name].get(class_name) for name in names]
        columns[f"{_CLASS}{class_name}"] = pa.array(shares, pa.float64())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()
