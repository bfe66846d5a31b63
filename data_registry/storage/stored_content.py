"""Read files of the workspace; an error names a damaged file and what to do about it."""

import io
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_registry.errors import EphyraError, StorageError
from data_registry.storage.files import FileStore
from data_registry.text.secrets import hide_secrets


@contextmanager
def name_damaged_file(path: str, advice: str) -> Iterator[None]:
    """Turn any error of a parser into one that names the damaged file.

    Args:
        path: of the file.
        advice: what to do about it.

    Raises:
        StorageError: the block raised anything but an error of ours.
    """
    try:
        yield
    except EphyraError:
        raise
    except Exception as error:  # stray bytes end every parser in ways of its own
        said = str(error).strip().partition("\n")[0]
        reason = hide_secrets(f"{type(error).__name__}: {said}".removesuffix(": "))
        raise StorageError(f"{path} is damaged ({reason:.200}). {advice}") from error


def read_json(files: FileStore, path: str, advice: str) -> dict[str, Any]:
    """Read the JSON object in a file.

    Raises:
        StorageError: the file is missing, or holds something else.
    """
    data = files.read(path)
    with name_damaged_file(path, advice):
        found = json.loads(data)
        if not isinstance(found, dict):
            raise TypeError(f"it holds {type(found).__name__}, no JSON object")
        return found


def read_rows(
    files: FileStore,
    path: str,
    advice: str,
    *,
    texts: Collection[str] = (),
    numbers: Collection[str] = (),
) -> pa.Table:
    """Read the rows of a Parquet file.

    Args:
        files: where it lies.
        path: below the root.
        advice: what to do where it is damaged.
        texts: columns of texts that must be there.
        numbers: columns of fractions that must be there.

    Raises:
        StorageError: the file is missing, no Parquet, or lacks a column.
    """
    data = files.read(path)
    with name_damaged_file(path, advice):
        table = pq.read_table(io.BytesIO(data))
        for name in texts:
            _require_column(table, name, "texts", _is_text)
        for name in numbers:
            _require_column(table, name, "numbers", pa.types.is_floating)
        return table


def _require_column(
    table: pa.Table, name: str, wanted: str, fits: Callable[[pa.DataType], bool]
) -> None:
    if name not in table.column_names:
        raise ValueError(f"it has no column {name}")
    kind = table.schema.field(name).type
    is_empty = pa.types.is_null(kind) and not table.num_rows  # of an empty version nothing is known
    if not (fits(kind) or is_empty):
        raise ValueError(f"the column {name} holds {kind}, no {wanted}")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def refuse_wrong_types(kind: type, *values: Any) -> None:
    """Refuse a record whose values do not have the types of its fields."""
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    for value in values:
        adapter.validate_python(asdict(value))
