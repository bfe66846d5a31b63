"""A registry as large as one likes, made up row by row: no picture is drawn or decoded."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from data_registry.images.hashing import ORIENTATIONS
from data_registry.ingest.importing import PROVIDER
from data_registry.labels.decisions import record_teacher
from data_registry.registry import Registry, build_blob_path
from data_registry.storage import schema
from data_registry.storage.database import now

LABELLED = 0.02  # of all; the rest was collected
CLASSES = ("aurelia", "chrysaora", "cyanea", "pelagia", "rhizostoma")
_SPLITS = ("train",) * 14 + ("val",) * 3 + ("test",) * 3  # of the labelled
_A_COPY_EVERY = 100  # images is a near-copy of the one before it
_ROWS_AT_A_TIME = 20_000
_LICENCES = ("CC BY 4.0", "CC0", "")


def write_registry(folder: Path, count: int) -> Registry:
    """Images with hashes, sources, labels, decisions, assignments and (empty) files.

    Near-copies are there and not yet linked; nothing is grouped or published.

    Args:
        folder: a new or empty folder.
        count: images.
    """
    registry = Registry.open(folder)
    rng = np.random.default_rng(count)
    names = [rng.bytes(32).hex() for _ in range(count)]
    labelled = int(LABELLED * count)
    record_teacher(registry, "teacher", {})
    _insert(registry, schema.image, _iterate_images(names))
    _insert(registry, schema.image_hash, _iterate_hashes(names, rng))
    _insert(registry, schema.source, _iterate_sources(names, labelled))
    _insert(registry, schema.label, _iterate_labels(names[:labelled]))
    _insert(registry, schema.split_assignment, _iterate_assignments(names[:labelled]))
    _insert(registry, schema.decision, _iterate_decisions(names[labelled:]))
    for name in names:
        file = folder / build_blob_path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return registry


def _insert(registry: Registry, table: sa.Table, rows: Iterator[Mapping[str, Any]]) -> None:
    at = now()
    with registry.database.transaction() as connection:
        while batch := [{**row, "at": at} for row in islice(rows, _ROWS_AT_A_TIME)]:
            connection.execute(sa.insert(table), batch)


def _iterate_images(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        yield {"sha256": name, "format": "jpeg", "width": 640, "height": 480, "byte_count": 90_000}


def _iterate_hashes(names: Sequence[str], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    shape = (2, len(names), ORIENTATIONS)
    hashes = rng.integers(0, 2**64, shape, dtype=np.uint64)
    # Among the labelled the one before is a test image, and the copy stands in train.
    near = np.arange(_A_COPY_EVERY, len(names), _A_COPY_EVERY)
    hashes[:, near] = hashes[:, near - 1] ^ np.uint64(5)  # two bits
    for kind, rows in zip(("phash", "dhash"), hashes.astype(">u8"), strict=True):
        for name, row in zip(names, rows, strict=True):
            yield {"sha256": name, "kind": kind, "orientations": row.tobytes()}


def _iterate_sources(names: Sequence[str], labelled: int) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(names):
        collected = number >= labelled
        yield {
            "sha256": name,
            "provider": "web" if collected else PROVIDER,
            "query": f"{_choose_class(number)} jellyfish" if collected else "",
            "url": f"https://images.example/{number}.jpg" if collected else f"{PROVIDER}:{number}",
            "page_url": "",
            "licence": _LICENCES[number % len(_LICENCES)] if collected else "",
            "licence_url": "",
            "creator": f"diver {number % 5_000}" if collected else "",
        }


def _iterate_labels(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(names):
        path = f"{_choose_class(number)}/{number}.jpg"
        yield {"sha256": name, "class_name": _choose_class(number), "path": path, "given_split": ""}


def _iterate_assignments(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(names):
        yield {"sha256": name, "split": _SPLITS[number // len(CLASSES) % len(_SPLITS)]}


def _iterate_decisions(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(names):
        yield {
            "sha256": name,
            "teacher_id": "teacher",
            "policy": "threshold 0.95",
            "verdict": "accepted",
            "class_name": _choose_class(number),
            "confidence": 0.97,
            "reason": "sure",
            "detail": "",
        }


def _choose_class(number: int) -> str:
    return CLASSES[number % len(CLASSES)]
