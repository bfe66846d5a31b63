"""Records as plain values: dictionaries, lists, numbers and texts, fit for JSON."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def make_plain(value: Any) -> Any:
    """Convert a value and every record, mapping and sequence in it to plain values.

    Tables are left out: they belong into files. JSON knows no infinity and no NaN, which stands for
    "none" in pandas: both become None. `pydantic_core.to_jsonable_python` cannot leave out a field,
    fails at a key that is not UTF-8 (a file's name may be none), and writes times and other keys in
    another form; scripts read the present one.
    """
    if is_dataclass(value) and not isinstance(value, type):
        values = {inner.name: getattr(value, inner.name) for inner in fields(value)}
        return make_plain({k: v for k, v in values.items() if not _is_table(v)})
    if isinstance(value, Mapping):
        return {str(key): make_plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, Sequence | set | frozenset):
        return [make_plain(inner) for inner in value]
    return str(value)


def _is_table(value: Any) -> bool:
    """Say whether a value is a data frame, without loading pandas where nothing has yet."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def make_plain_record(record: Any) -> dict[str, Any]:
    """Convert a record to a dictionary of plain values."""
    named: dict[str, Any] = make_plain(record)
    return named
