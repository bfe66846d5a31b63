"""Read files of the workspace; an error names a damaged file and what to do about it."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from data_registry.errors import EphyraError, StorageError
from data_registry.storage.files import FileStore
from data_registry.storage.json_records import Record, parse_record
from data_registry.text.secrets import hide_secrets

if TYPE_CHECKING:
    import pyarrow as pa


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


def read_record(files: FileStore, path: str, kind: type[Record], advice: str) -> Record:
    """Read the JSON object in a file as a record.

    Args:
        files: where it lies.
        path: below the root.
        kind: a dataclass or TypedDict.
        advice: what to do where it is damaged.

    Raises:
        StorageError: the file is missing, or a value is not of its field's type.
    """
    data = files.read(path)
    with name_damaged_file(path, advice):
        return parse_record(kind, data)


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
    import pyarrow as pa
    import pyarrow.parquet as pq

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
    import pyarrow as pa

    if name not in table.column_names:
        raise ValueError(f"it has no column {name}")
    kind = table.schema.field(name).type
    is_empty = pa.types.is_null(kind) and not table.num_rows  # of an empty version nothing is known
    if not (fits(kind) or is_empty):
        raise ValueError(f"the column {name} holds {kind}, no {wanted}")


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
