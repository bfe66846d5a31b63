"""Out-of-fold predictions of labelled images, which show labels that look wrong."""

import io
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_registry.arrays import Float64Array
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.stored_content import name_damaged_file, read_rows

_CLASS = "p:"  # begins the names of the columns of probabilities


def write_out_of_fold(
    registry: Registry,
    teacher_id: str,
    sha256s: Sequence[str],
    class_names: Sequence[str],
    probabilities: Float64Array,
) -> None:
    """Write a teacher's out-of-fold probabilities of the labelled images.

    Args:
        registry: where they are kept.
        teacher_id: whose they are.
        sha256s: n names.
        class_names: c names, in the order of the columns.
        probabilities: shape (n, c); row i by a model that did not learn image i.
    """
    columns = {f"{_CLASS}{name}": probabilities[:, k] for k, name in enumerate(class_names)}
    buffer = io.BytesIO()
    pd.DataFrame({"sha256": list(sha256s), **columns}).to_parquet(buffer, index=False)
    registry.files.write(_build_path(teacher_id), buffer.getvalue())


def load_newest_out_of_fold(registry: Registry) -> tuple[str, pd.DataFrame] | None:
    """Load the newest out-of-fold predictions: the teacher's id and its probabilities.

    Returns:
        One row an image, by SHA-256, one column a class; None where no teacher left any.

    Raises:
        StorageError: the file is damaged.
    """
    table = schema.teacher
    ids = registry.database.rows(sa.select(table.c.teacher_id).order_by(table.c.at.desc()))
    names = (row.teacher_id for row in ids)
    newest = next((name for name in names if registry.files.exists(_build_path(name))), None)
    return None if newest is None else (newest, _read(registry, newest))


def _read(registry: Registry, teacher_id: str) -> pd.DataFrame:
    path = _build_path(teacher_id)
    advice = "Delete it and run `ephyra label`: it is made again"
    rows = read_rows(registry.files, path, advice, texts=["sha256"])
    with name_damaged_file(path, advice):
        if not all(map(pa.types.is_floating, rows.drop_columns("sha256").schema.types)):
            raise ValueError("a column of probabilities holds no numbers")
        shares: pd.DataFrame = rows.to_pandas().set_index("sha256")
    return shares.rename(columns=lambda name: str(name).removeprefix(_CLASS))


def _build_path(teacher_id: str) -> str:
    return f"out_of_fold/{teacher_id}.parquet"
