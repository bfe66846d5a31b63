"""Folds for cross-fitting: whole groups, and every class on the learning side of each fold."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from data_registry.splits import draw_number
from labeling.labelled import IntArray, LabelledImages


def group_folds(
    labelled: LabelledImages, most: int, seed: int
) -> Iterator[tuple[IntArray, IntArray]]:
    """(learning, held-out) positions of each fold.

    The groups of a class are dealt out in turn. scikit-learn's StratifiedGroupKFold balances
    folds better, but may put all of a small class on the held-out side.

    Args:
        labelled: n images.
        most: folds; fewer where a class has fewer groups.
        seed: another seed deals differently.
    """
    groups_of_class = _groups_of_class(labelled)
    folds = min(most, *(len(groups) for groups in groups_of_class.values()))
    fold_of_group: dict[str, int] = {}
    for _, groups in sorted(groups_of_class.items()):
        dealt = sorted(groups - fold_of_group.keys(), key=lambda group: draw_number(seed, group))
        fold_of_group |= {group: index % folds for index, group in enumerate(dealt)}
    fold = np.array([fold_of_group[group] for group in labelled.groups])
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _groups_of_class(labelled: LabelledImages) -> dict[int, set[str]]:
    groups: dict[int, set[str]] = defaultdict(set)
    for group, class_index in zip(labelled.groups, labelled.classes.tolist(), strict=True):
        groups[class_index].add(group)
    return groups
