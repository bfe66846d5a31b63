"""Photographs, their features, and which of them are copies by nature."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks._real_sets import LITE, build_backbone_spec
from data_registry.arrays import Float32Array
from train.evaluation.intervals import compute_wilson_interval
from train.features.features import extract_features
from train.models.backbones import Backbone, load_backbone

_NATURAL = Path(__file__).with_name("natural_copies.csv")


def read_natural_families() -> dict[str, str]:
    """Read the family of each file below `shared/data` that a person has checked."""
    with _NATURAL.open(newline="") as stream:
        return {row["file"]: row["family"] for row in csv.DictReader(stream)}


def load_lite0(shared: Path) -> Backbone:
    """Load EfficientNet-Lite0 with ImageNet weights."""
    return load_backbone(build_backbone_spec(shared, LITE))


class Features:
    """Features of images by SHA-256, each computed once."""

    def __init__(self, network: Backbone) -> None:
        self._backbone = network
        self._known: dict[str, Float32Array] = {}

    def extract(self, bytes_of: Mapping[str, bytes]) -> Float32Array:
        """Extract features: float32 (n, d), in the mapping's order."""
        missing = [name for name in bytes_of if name not in self._known]
        vectors = extract_features(self._backbone, missing, bytes_of.__getitem__)
        self._known.update(zip(missing, vectors, strict=True))
        return np.stack([self._known[name] for name in bytes_of])


def number_components(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Compute the number of each name's connected component."""
    place = {name: number for number, name in enumerate(names)}
    ends = np.array([(place[a], place[b]) for a, b in pairs], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), ends.T), shape=(len(place), len(place)))
    found = connected_components(graph, directed=False)[1].tolist()
    return dict(zip(place, found, strict=True))


def find_wrongly_joined(group_of: Mapping[str, object], family_of: Mapping[str, str]) -> list[str]:
    """Find images in a group with another family; an image without one is its own family."""
    members = defaultdict(list)
    for name, group in group_of.items():
        members[group].append(name)
    return sorted(
        name
        for names in members.values()
        if len({family_of.get(name, name) for name in names}) > 1
        for name in names
    )


def compute_share(count: int, of: int) -> dict[str, Any]:
    """Compute a count's share, with Wilson's 95 % interval."""
    found = compute_wilson_interval(count, of)
    interval = [round(found.low, 4), round(found.high, 4)]
    return {"count": count, "of": of, "share": round(found.estimate, 4), "interval": interval}
