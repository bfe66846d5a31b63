"""Deal a version's train images into folds: stratified by class, no group in two of them.

These folds are for cross-validation with other tools. Teachers use folds of their own
(`labeling.teacher.cross_fitting_folds`), since they need every class on both sides.
"""

import warnings

import pandas as pd

from data_registry.errors import InputError
from data_registry.vocabulary import Split

FEWEST = 2


def deal_folds(rows: pd.DataFrame, folds: int, seed: int = 0) -> "pd.Series[int]":
    """Deal each train image into a fold, from 1 on, by scikit-learn's StratifiedGroupKFold.

    Val and test images belong to no fold.

    Args:
        rows: columns sha256, class_name, split and group_id; in any order.
        folds: how many.
        seed: of the random assignment.

    Returns:
        Indexed by SHA-256, train images only; the same for the same images in any order.

    Raises:
        InputError: fewer than two folds, or more than train has groups or images of any class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    train = rows[rows["split"] == Split.TRAIN].sort_values("sha256")
    groups, largest = train["group_id"].nunique(), train["class_name"].value_counts().max()
    if not FEWEST <= folds <= groups or folds > largest:
        raise InputError(
            f"{folds} folds of {groups} groups in train: expected at least {FEWEST} folds, and no "
            "more than groups, which are never divided, or than images of the largest class"
        )
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = pd.Series(0, index=train["sha256"].to_numpy(), name="fold")
    with warnings.catch_warnings():
        # A class of fewer images than folds cannot be in each of them: `find_thin_classes` does.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = dealer.split(train, train["class_name"], train["group_id"])
        for number, (_, held_out) in enumerate(parts, start=1):
            fold.iloc[held_out] = number
    return fold


def find_thin_classes(rows: pd.DataFrame, fold: "pd.Series[int]") -> tuple[str, ...]:
    """Find the classes of train that are missing in some fold, sorted."""
    train = rows[rows["split"] == Split.TRAIN]
    present = fold.loc[train["sha256"]].to_numpy()
    counts = pd.Series(present).groupby(train["class_name"].to_numpy()).nunique()
    return tuple(sorted(str(name) for name in counts.index[counts < fold.nunique()]))
