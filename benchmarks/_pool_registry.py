"""A registry ready to be labelled: some photographs as a person's set, others as the pool."""

import csv
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._real_sets import list_class_names
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.providers.folder import FolderProvider
from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.images.hashing import compute_sha256
from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits
from train.data.dataset import Example

RIGHT_QUERY = 0.85


@dataclass(frozen=True)
class Photographs:
    """Files by SHA-256, and the names of their classes."""

    files: Mapping[str, Path]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> "Photographs":
        """Of an ImageFolder."""
        files = (file for file in folder.rglob("*") if file.is_file())
        by_name = {compute_sha256(file.read_bytes()): file for file in files}
        return cls(by_name, tuple(list_class_names(folder)))


@contextmanager
def create_pool_registry(
    folder: Path,
    photographs: Photographs,
    *,
    labelled: Sequence[Example],
    pool: Sequence[Example],
    seed: int,
    features: Path | None = None,
) -> Iterator[Registry]:
    """Create a registry in a new folder; nearly all labelled images are in train.

    Args:
        folder: is made.
        photographs: where the examples lie.
        labelled, pool: who is which. Queries name the right class 85 times in 100.
        seed: of the queries.
        features: kept ones; None: none were computed yet.
    """
    for item in labelled:
        place = folder / "labelled" / photographs.classes[item.class_index]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(photographs.files[item.sha256], place)
    _write_pool(folder, photographs, pool, np.random.default_rng(seed))
    if features is not None:
        shutil.copytree(features, folder / "workspace" / "embeddings")
    with Registry.open(folder / "workspace") as registry:
        import_folder(registry, folder / "labelled")
        provider = FolderProvider(folder / "pool", folder / "pool.csv")
        collect(registry, provider, [], CollectSettings())
        link_images_by_hashes(registry, Radii())
        update_groups(registry)
        assign_splits(registry, SplitSettings(val=0.01, test=0.01))
        yield registry


def _write_pool(
    folder: Path, photographs: Photographs, pool: Sequence[Example], rng: np.random.Generator
) -> None:
    (folder / "pool").mkdir()
    with (folder / "pool.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "query"])
        for item in pool:
            shutil.copy(photographs.files[item.sha256], folder / "pool" / item.sha256)
            named = photographs.classes[item.class_index]
            query = named if rng.random() < RIGHT_QUERY else str(rng.choice(photographs.classes))
            writer.writerow([item.sha256, query])
