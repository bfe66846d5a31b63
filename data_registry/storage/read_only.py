"""Open the SQLite file of a project that one may read but not write.

SQLite wants to create two files beside a database in WAL mode, ``-wal`` and ``-shm``, even to read.
Where they exist, another process is writing or was killed, and ``mode=ro`` reads what it wrote.
Where they do not, nothing is written at the moment, and ``immutable`` reads the file as it lies
there: https://sqlite.org/wal.html#readonly
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from data_registry.errors import StorageError

_ADVICE = "ask its owner, or work on a copy of the project"


def choose_read_only_connect(url: sa.URL) -> Callable[[], sqlite3.Connection] | None:
    """Choose how to connect to an SQLite file that may not be written.

    Args:
        url: of any database.

    Returns:
        A function that connects; None where the file may be written or made, and for databases
        that are no plain file.

    Raises:
        StorageError: the file may not even be read, or cannot be read without writing.
    """
    name = url.database or ""
    if (
        url.get_backend_name() != "sqlite"
        or url.query
        or not name
        or name.startswith((":", "file:"))
    ):
        return None
    file = Path(os.path.realpath(name))
    if _may_write(file):
        return None
    if not file.exists():
        raise StorageError(f"{describe_refusal(url)}: it holds no {file.name} to read")
    if not os.access(file, os.R_OK):
        raise StorageError(f"you may not read {file}: {_ADVICE}")
    address = f"file:{quote(os.fsencode(file))}?{_choose_mode(file)}"
    return lambda: sqlite3.connect(address, uri=True, check_same_thread=False)


def describe_refusal(url: sa.URL) -> str:
    """Say that the folder of an SQLite file may not be written."""
    return f"you may not write in {Path(os.path.realpath(url.database or '')).parent}"


def explain_refused_write(url: sa.URL) -> str:
    """Say why a change was refused, and what to do."""
    return f"{describe_refusal(url)}, so nothing was changed: {_ADVICE}"


def _may_write(file: Path) -> bool:
    """Whether SQLite may write the file, which takes files beside it; a missing folder is made."""
    if not file.parent.exists():
        return True
    return os.access(file.parent, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))


def _choose_mode(file: Path) -> str:
    log, index = (file.with_name(f"{file.name}-{end}") for end in ("wal", "shm"))
    has_changes = log.exists() and log.stat().st_size > 0
    if (has_changes and index.exists()) or os.access(file.parent, os.W_OK):
        return "mode=ro"
    if has_changes:
        raise StorageError(
            f"{log.name} in {file.parent} holds changes of a process that was killed, and you may "
            "not write there: whoever may runs `ephyra status` once"
        )
    return "mode=ro&immutable=1"
