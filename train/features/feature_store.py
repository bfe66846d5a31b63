"""Features kept in the workspace: each image is computed once for a backbone."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_registry.arrays import Float32Array
from data_registry.progress import Progress, SilentProgress
from data_registry.storage.files import FileStore
from data_registry.storage.stored_content import name_damaged_file, read_rows
from data_registry.text.hashes import name_by_content

if TYPE_CHECKING:
    from train.data.decoding import ReadImage
    from train.models.backbones import Backbone

_ADVICE = "Delete it: its features are computed again"
SHARD_SIZE = 256  # images; a killed run loses at most one shard


class FeatureStore:
    """Parquet files ``embeddings/<backbone>/<fingerprint>/part-*.parquet``, keyed by SHA-256.

    Args:
        files: the workspace's files.
        backbone: whose features are kept; other weights or preprocessing have another folder.
    """

    def __init__(self, files: FileStore, backbone: Backbone) -> None:
        self._files = files
        self._backbone = backbone
        name = backbone.name.replace("/", "_")
        self.folder = f"embeddings/{name}/{backbone.fingerprint}"

    def load_features(
        self, sha256s: Sequence[str], read: ReadImage, progress: Progress | None = None
    ) -> Float32Array:
        """Load float32 (n, d) for the named images, in order; compute and store what is missing.

        Raises:
            ImageError: an image cannot be decoded.
            StorageError: the files cannot be read or written.
        """
        from train.features.features import (
            extract_features,  # PyTorch; dropping features needs none
        )

        known = self._load_stored(set(sha256s))
        missing = sorted(set(sha256s) - known.keys())
        reporter = _JoinedProgress(progress or SilentProgress(), len(missing))
        for start in range(0, len(missing), SHARD_SIZE):
            shard = missing[start : start + SHARD_SIZE]
            vectors = extract_features(self._backbone, shard, read, reporter)
            self._write(shard, vectors)
            known.update(zip(shard, vectors, strict=True))
        reporter.end()
        empty = np.empty((0, self._backbone.feature_count), dtype=np.float32)
        return np.stack([known[name] for name in sha256s]) if sha256s else empty

    def list_missing(self, sha256s: Sequence[str]) -> list[str]:
        """List the named images without stored features, sorted."""
        return sorted(set(sha256s) - self._load_stored(set(sha256s)).keys())

    def _load_stored(self, wanted: set[str]) -> dict[str, Float32Array]:
        known: dict[str, Float32Array] = {}
        for path in self._files.list(self.folder):
            names, vectors = self._read_part(path)
            known.update((name, vectors[row]) for row, name in enumerate(names) if name in wanted)
        return known

    def _read_part(self, path: str) -> tuple[list[str], Float32Array]:
        table = _read_table(self._files, path)
        with name_damaged_file(path, _ADVICE):
            column = table["features"].combine_chunks()
            vectors = column.flatten().to_numpy().reshape(len(table), self._backbone.feature_count)
            return table["sha256"].to_pylist(), vectors.astype(np.float32, copy=False)

    def _write(self, sha256s: Sequence[str], vectors: Float32Array) -> None:
        flat = pa.array(vectors.reshape(-1), type=pa.float32())
        column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        buffer = io.BytesIO()
        pq.write_table(pa.table({"sha256": list(sha256s), "features": column}), buffer)
        # Named by its content's keys: two runs at once write the same file, not two halves.
        name = name_by_content("".join(sha256s))
        self._files.write(f"{self.folder}/part-{name}.parquet", buffer.getvalue())


def drop_features(files: FileStore, sha256s: Collection[str]) -> int:
    """Delete every backbone's features of these images.

    Returns:
        Number of deleted vectors.

    Raises:
        StorageError: the files cannot be read or written.
    """
    dropped = 0
    for path in files.list("embeddings"):
        table = _read_table(files, path)
        kept = table.filter(
            pc.invert(pc.is_in(table["sha256"], pa.array(list(sha256s), pa.string())))
        )
        if len(kept) < len(table):
            dropped += len(table) - len(kept)
            buffer = io.BytesIO()
            pq.write_table(kept, buffer)
            files.write(path, buffer.getvalue())
    return dropped


def _read_table(files: FileStore, path: str) -> pa.Table:
    table = read_rows(files, path, _ADVICE, texts=["sha256"])
    with name_damaged_file(path, _ADVICE):
        if not pa.types.is_fixed_size_list(table["features"].type):
            raise ValueError("the column features holds no vectors")
    return table


class _JoinedProgress:
    """One progress phase for all shards instead of one for each."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        progress.start("features", total)

    def start(self, what: str, total: int | None) -> None:
        """Ignore the start of a shard."""

    def advance(self, count: int = 1) -> None:
        self._progress.advance(count)

    def finish(self) -> None:
        """Ignore the end of a shard."""

    def end(self) -> None:
        self._progress.finish()
