"""One flow at a time on a workspace: a lock that the operating system takes back from the dead.

A row in a table would outlive a killed process. A lock on a file beside SQLite's database, or an
advisory lock of a PostgreSQL session, ends with the process that held it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy as sa
from filelock import FileLock, Timeout

from data_registry.errors import BusyError, StorageError
from data_registry.registry import Registry
from data_registry.storage.read_only import explain_refused_write

_ADVISORY_KEY = 0x65706879  # "ephy"; PostgreSQL keeps such keys apart by database


def hold_workspace(registry: Registry) -> AbstractContextManager[None]:
    """Hold the workspace while a `with` block runs. Single commands need no lock.

    Raises:
        BusyError: another flow holds it; nothing was changed.
        StorageError: the workspace may only be read.
    """
    engine = registry.database.engine
    if registry.database.is_read_only:
        raise StorageError(explain_refused_write(engine.url))
    if engine.dialect.name == "postgresql":
        return _hold_advisory_lock(engine)
    return _hold_file_lock(f"{engine.url.database}.lock")


@contextmanager
def _hold_file_lock(path: str) -> Iterator[None]:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise _build_busy_error() from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _hold_advisory_lock(engine: sa.Engine) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        held = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_KEY)))
        if not held:
            raise _build_busy_error()
        try:
            yield
        finally:
            connection.scalar(sa.select(sa.func.pg_advisory_unlock(_ADVISORY_KEY)))


def _build_busy_error() -> BusyError:
    return BusyError(
        "another flow is at work on this workspace. Wait until it has ended, or stop it "
        "(`prefect flow-run ls` names those of a server); nothing was changed"
    )
