"""Report what the splits of a version cost: excluded images and imbalanced classes."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from data_registry.versions.manifest import EXCLUDED, SPLITS
from data_registry.vocabulary import Split


@dataclass(frozen=True)
class SplitCost:
    """The cost of one version's splits.

    Attributes:
        excluded: number of excluded images by class and reason; images without a class count as
            ``none of the classes``.
        balance: each class's share of the split's images, 0 to 1, by split.
    """

    excluded: Mapping[str, Mapping[str, int]]
    balance: Mapping[str, Mapping[str, float]]

    @property
    def furthest(self) -> tuple[str, str, float]:
        """The split, class and difference of shares that are furthest from train's.

        Empty names and 0 where there is nothing to compare.
        """
        train = self.balance.get(Split.TRAIN, {})
        apart = [
            (split, name, shares.get(name, 0.0) - train.get(name, 0.0))
            for split, shares in self.balance.items()
            if split != Split.TRAIN and train
            for name in sorted({*shares, *train})
        ]
        return max(apart, key=lambda item: abs(item[2]), default=("", "", 0.0))


def compute_split_cost(manifest: pd.DataFrame) -> SplitCost:
    """Compute the cost of the splits.

    Args:
        manifest: a version's rows, excluded images included.
    """
    out = manifest[manifest["split"] == EXCLUDED]
    named = out.assign(class_name=out["class_name"].replace({"": "none of the classes"}))
    excluded = {
        str(name): {str(k): int(v) for k, v in rows["reason"].value_counts().sort_index().items()}
        for name, rows in named.groupby("class_name")
    }
    kept = manifest[manifest["split"] != EXCLUDED]
    balance = {
        split: _compute_shares(kept["class_name"][kept["split"] == split])
        for split in SPLITS
        if (kept["split"] == split).any()
    }
    return SplitCost(excluded, balance)


def _compute_shares(names: "pd.Series[str]") -> dict[str, float]:
    shares = names.value_counts(normalize=True).sort_index()
    return {str(name): round(float(share), 4) for name, share in shares.items()}
