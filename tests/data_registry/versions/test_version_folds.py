"""Folds of train: whole groups, classes in proportion, whatever order the rows have."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.errors import InputError
from data_registry.versions.folds import deal_folds, find_thin_classes

images = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.sampled_from(["train", "val", ""])),
    min_size=1,
    max_size=60,
)


def rows_of(drawn: list[tuple[str, int, str]]) -> pd.DataFrame:
    names = [f"{number:064x}" for number in range(len(drawn))]
    rows = pd.DataFrame(drawn, columns=["class_name", "group_id", "split"])
    return rows.assign(sha256=names, group_id=rows["group_id"].map(str))


@given(images, st.integers(-1, 6), st.integers(0, 3))
def test_every_train_image_has_one_fold_and_no_group_has_two(
    drawn: list[tuple[str, int, str]], folds: int, seed: int
) -> None:
    rows = rows_of(drawn)
    train = rows[rows["split"] == "train"]
    groups, largest = train["group_id"].nunique(), train["class_name"].value_counts().max()
    if not 2 <= folds <= groups or folds > largest:
        with pytest.raises(InputError, match="folds of"):
            deal_folds(rows, folds, seed)
        return
    fold = deal_folds(rows, folds, seed)
    assert sorted(fold.index) == sorted(train["sha256"])
    assert set(fold) <= set(range(1, folds + 1))
    dealt = train.assign(fold=train["sha256"].map(fold))
    assert (dealt.groupby("group_id")["fold"].nunique() == 1).all()
    shuffled = deal_folds(rows.sample(frac=1, random_state=1), folds, seed)
    assert shuffled.to_dict() == fold.to_dict()


def test_classes_are_in_proportion_and_a_thin_one_is_named() -> None:
    drawn = [("a", n, "train") for n in range(40)] + [("b", 100 + n, "train") for n in range(20)]
    drawn += [("c", 200 + n, "train") for n in range(3)]
    rows = rows_of(drawn)
    fold = deal_folds(rows, 5)
    counts = rows.groupby(["class_name", rows["sha256"].map(fold)]).size()
    assert set(counts["a"]) == {8}
    assert set(counts["b"]) == {4}
    assert find_thin_classes(rows, fold) == ("c",)
