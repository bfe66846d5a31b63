"""Folds for cross-fitting: whole groups, and every class on the learning side of each fold."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import cycle

import numpy as np

from data_registry.errors import InputError
from data_registry.versions.splits import stable_random_key
from labeling.teacher.labelled import IntArray, LabelledImages


def split_group_folds(
    labelled: LabelledImages, folds: int, seed: int
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the (learning, held-out) positions of each fold; every image is held out once.

    scikit-learn's StratifiedGroupKFold balances folds better, but may put all of a small class
    on the held-out side.

    Args:
        labelled: n images; each class has at least two groups.
        folds: at least 2; fewer come out where there are fewer groups, and more only where
            groups that hold several classes leave no other way.
        seed: another seed deals differently.

    Raises:
        InputError: fewer than two folds.
    """
    if folds < 2:
        raise InputError(
            f"folds = {folds}: expected at least 2, because each photo is checked by a model that "
            "has not seen it"
        )
    groups_of_class = _collect_class_groups(labelled)
    fold_of_group = _deal_groups(groups_of_class, min(folds, len(set(labelled.groups))), seed)
    _spread_classes(groups_of_class, fold_of_group)
    fold = np.array([fold_of_group[group] for group in labelled.groups])
    for number in range(fold.max() + 1):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _collect_class_groups(labelled: LabelledImages) -> dict[int, set[str]]:
    groups: dict[int, set[str]] = defaultdict(set)
    for group, class_index in zip(labelled.groups, labelled.classes.tolist(), strict=True):
        groups[class_index].add(group)
    return dict(sorted(groups.items()))


def _deal_groups(groups_of_class: Mapping[int, set[str]], folds: int, seed: int) -> dict[str, int]:
    """Assign groups to folds, class after class, each to as many folds as it can fill."""
    fold_of_group: dict[str, int] = {}
    # Each class begins where the last one ended; else the first folds would be the fullest.
    turn = cycle(range(folds))
    for groups in groups_of_class.values():
        pending = sorted(
            groups - fold_of_group.keys(), key=lambda name: stable_random_key(seed, name)
        )
        fold_of_group |= {name: next(turn) for name in pending}
    return fold_of_group


def _spread_classes(groups_of_class: Mapping[int, set[str]], fold_of_group: dict[str, int]) -> None:
    """Give a class that lies in one fold a further fold, in place.

    That happens where all its groups were dealt out under other classes, whose pictures they
    hold as well.
    """
    for groups in groups_of_class.values():
        if len({fold_of_group[name] for name in groups}) == 1:
            fold_of_group[min(groups)] = max(fold_of_group.values()) + 1
