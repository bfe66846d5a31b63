"""Write a version as Parquet shards that hold the bytes, as Hugging Face's `datasets` reads them.

An image is a struct of bytes and path, and the file's schema carries the features' types:
https://huggingface.co/docs/datasets/about_dataset_features
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_registry.export.contents import Contents, read_original_bytes
from data_registry.progress import Progress
from data_registry.registry import Registry

NAME = "parquet"
SHARD_BYTES = 400_000_000
# A reader loads a row group at once: few images, and no more memory than this.
_GROUP_ROWS = 100
_GROUP_BYTES = 32_000_000
_TEXTS = ("sha256", "class_origin", "group_id", "licence", "licence_url", "creator", "url")


def write_parquet(
    registry: Registry,
    contents: Contents,
    folder: Path,
    progress: Progress,
    shard_bytes: int = SHARD_BYTES,
) -> pd.Series:
    """Write ``data/SPLIT-00000-of-00001.parquet`` and so on.

    Args:
        registry: holds the bytes.
        contents: what to write.
        folder: an empty folder.
        progress: told of every image.
        shard_bytes: approximate size of a shard.

    Returns:
        The shard of each image, in the order of `contents.images`.

    Raises:
        StorageError: an image's bytes are missing or have changed.
        OSError: the folder cannot be written.
    """
    images = contents.images
    shards = _assign_shards(images, shard_bytes)
    class_names = sorted(images["class_name"].unique())
    schema = _build_schema(class_names)
    (folder / "data").mkdir()
    for name, rows in images.groupby(shards):
        with pq.ParquetWriter(folder / str(name), schema, compression="zstd") as writer:
            for group in _split_rows(rows):
                columns = _build_columns(registry, group, class_names)
                writer.write_table(pa.table(columns, schema=schema))
                progress.advance(len(group))
    return shards


def _assign_shards(images: pd.DataFrame, shard_bytes: int) -> "pd.Series[str]":
    """Assign each image to a shard; a split gets as many as its bytes need."""
    before = images.groupby("split")["byte_count"].cumsum() - images["byte_count"]
    number = before // shard_bytes
    # Large images may skip a number.
    number = number.groupby(images["split"]).rank(method="dense").astype(int) - 1
    count = number.groupby(images["split"]).transform("max") + 1
    return pd.Series(
        [
            f"data/{split}-{index:05d}-of-{of:05d}.parquet"
            for split, index, of in zip(images["split"], number, count, strict=True)
        ],
        index=images.index,
        dtype=str,
    )


def _split_rows(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    start = size = 0
    for index, byte_count in enumerate(rows["byte_count"]):
        if index > start and (index - start == _GROUP_ROWS or size + byte_count > _GROUP_BYTES):
            yield rows.iloc[start:index]
            start, size = index, 0
        size += byte_count
    yield rows.iloc[start:]


def _build_columns(
    registry: Registry, rows: pd.DataFrame, class_names: list[str]
) -> dict[str, list[Any]]:
    names = rows["sha256"] + "." + rows["extension"]
    pictures = [
        {"bytes": read_original_bytes(registry, sha256), "path": path}
        for sha256, path in zip(rows["sha256"], names, strict=True)
    ]
    labels = [class_names.index(name) for name in rows["class_name"]]
    return {"image": pictures, "label": labels, **{name: list(rows[name]) for name in _TEXTS}}


def _build_schema(class_names: list[str]) -> pa.Schema:
    text = {"dtype": "string", "_type": "Value"}
    features = {
        "image": {"_type": "Image"},
        "label": {"names": class_names, "_type": "ClassLabel"},
        **dict.fromkeys(_TEXTS, text),
    }
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("image", picture), ("label", pa.int64())]
    columns += [(name, pa.string()) for name in _TEXTS]
    told = json.dumps({"info": {"features": features}})
    return pa.schema(columns, metadata={"huggingface": told})
