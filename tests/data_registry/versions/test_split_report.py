"""What the splits cost, from a manifest alone."""

import pandas as pd
import pytest

from data_registry.versions.split_report import SplitCost, compute_split_cost


def rows_of(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["class_name", "split", "reason"])


def test_what_is_left_out_by_class_and_reason_and_the_balance_of_each_split() -> None:
    cost = compute_split_cost(
        rows_of(
            ("moon", "train", ""),
            ("moon", "train", ""),
            ("moon", "train", ""),
            ("rose", "train", ""),
            ("rose", "test", ""),
            ("moon", "excluded", "near test"),
            ("moon", "excluded", "near test"),
            ("moon", "excluded", "copy"),
            ("", "excluded", "no class"),
        )
    )
    assert cost.excluded == {
        "moon": {"copy": 1, "near test": 2},
        "none of the classes": {"no class": 1},
    }
    assert cost.balance == {"train": {"moon": 0.75, "rose": 0.25}, "test": {"rose": 1.0}}
    assert cost.furthest[:2] in {("test", "moon"), ("test", "rose")}
    assert abs(cost.furthest[2]) == pytest.approx(0.75)


def test_nothing_left_out_and_nothing_to_compare() -> None:
    cost = compute_split_cost(rows_of(("moon", "train", "")))
    assert cost == SplitCost({}, {"train": {"moon": 1.0}})
    assert cost.furthest == ("", "", 0.0)
