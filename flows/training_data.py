"""A version as training takes it."""

import pandas as pd

from data_registry.importing import PROVIDER as IMPORT
from data_registry.manifest import EXCLUDED
from data_registry.versions import Version
from train.data import Dataset, Example


def dataset_of(version: Version, rows: pd.DataFrame) -> Dataset:
    """A version's manifest as training takes it."""
    kept = rows[rows["split"] != EXCLUDED]
    class_names = tuple(sorted(kept["class_name"].unique()))
    position = {name: index for index, name in enumerate(class_names)}

    def examples(split: str) -> tuple[Example, ...]:
        part = kept[kept["split"] == split]
        return tuple(
            Example(sha256, position[name], group)
            for sha256, name, group in zip(
                part["sha256"], part["class_name"], part["group_id"], strict=True
            )
        )

    collected = kept["sha256"][(kept["split"] == "train") & (kept["provider"] != IMPORT)]
    return Dataset(
        version=version.version_hash,
        class_names=class_names,
        train=examples("train"),
        val=examples("val"),
        test=examples("test"),
        collected=frozenset(collected),
    )
