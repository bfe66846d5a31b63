"""A version as training takes it."""

from collections.abc import Mapping, Sequence

import pandas as pd

from data_registry.ingest.importing import PROVIDER as IMPORT
from data_registry.registry import Registry
from data_registry.versions.manifest import EXCLUDED
from data_registry.versions.published_versions import Version
from data_registry.versions.soft_labels import read_soft_labels
from data_registry.vocabulary import Split
from train.data.dataset import Dataset, Example


def build_dataset(registry: Registry, version: Version, rows: pd.DataFrame) -> Dataset:
    """Build a data set from a version's manifest and its soft labels."""
    kept = rows[rows["split"] != EXCLUDED]
    class_names = tuple(sorted(kept["class_name"].unique()))
    position = {name: index for index, name in enumerate(class_names)}
    soft = read_soft_labels(registry, version.version_hash, version.card)

    def list_examples(split: str) -> tuple[Example, ...]:
        part = kept[kept["split"] == split]
        return tuple(
            Example(
                sha256,
                position[name],
                group,
                order_probabilities(soft.get(sha256, {}), class_names),
            )
            for sha256, name, group in zip(
                part["sha256"], part["class_name"], part["group_id"], strict=True
            )
        )

    collected = kept["sha256"][(kept["split"] == Split.TRAIN) & (kept["provider"] != IMPORT)]
    return Dataset(
        version=version.version_hash,
        class_names=class_names,
        train=list_examples(Split.TRAIN),
        val=list_examples(Split.VAL),
        test=list_examples(Split.TEST),
        collected=frozenset(collected),
    )


def order_probabilities(
    shares: Mapping[str, float], class_names: Sequence[str]
) -> tuple[float, ...]:
    """Order probabilities by class and scale them to sum to 1; empty where there are none.

    A class that the teacher did not know has none of it.
    """
    known = [shares.get(name, 0.0) for name in class_names]
    total = sum(known)
    return tuple(share / total for share in known) if total > 0 else ()
