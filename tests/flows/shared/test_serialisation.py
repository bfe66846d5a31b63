"""Results as plain values: recorded output, and why pydantic's own conversion does not serve."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic_core import to_jsonable_python

from data_registry.vocabulary import Split
from flows.shared.serialisation import make_plain


@dataclass(frozen=True)
class Inner:
    share: float
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Result:
    path: Path
    counts: Counter[str]
    inner: tuple[Inner, ...]
    split: Split
    names: frozenset[str]
    scores: Any


RESULT = Result(
    path=Path("reports/x"),
    counts=Counter("aab"),
    inner=(Inner(0.5), Inner(float("nan"), pd.DataFrame({"a": [1]}))),
    split=Split.TRAIN,
    names=frozenset({"one"}),
    scores=np.array([[1.5, float("inf")], [np.float32(0.25), 2]]),
)


def test_a_result_is_made_plain() -> None:
    assert json.dumps(make_plain(RESULT)) == (
        '{"path": "reports/x", "counts": {"a": 2, "b": 1}, '
        '"inner": [{"share": 0.5}, {"share": null}], "split": "train", "names": ["one"], '
        '"scores": [[1.5, null], [0.25, 2.0]]}'
    )


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (datetime(2026, 11, 28, 3, 4), "2026-11-28 03:04:00"),
        (pd.Timestamp("2026-11-28"), "2026-11-28 00:00:00"),
        ({("moon", "rose"): 2}, {"('moon', 'rose')": 2}),
        (range(3), [0, 1, 2]),
        ({"\udcff.jpg": 1}, {"\udcff.jpg": 1}),  # a file's name that is not UTF-8
        (Inner(0.5), {"share": 0.5}),  # its table is left out
    ],
)
def test_pydantic_says_otherwise(value: Any, plain: Any) -> None:
    """Should pydantic ever agree in all of these, `make_plain` can go."""
    assert make_plain(value) == plain
    try:
        other = to_jsonable_python(value, inf_nan_mode="null", fallback=str)
    except ValueError:
        return
    assert other != plain
