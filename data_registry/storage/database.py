"""A thin layer over SQLAlchemy Core: SQLite or PostgreSQL, the same statements for both."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_registry.errors import InputError, RuleError, StorageError
from data_registry.storage import triggers
from data_registry.storage.database_urls import create_engine
from data_registry.storage.read_only import choose_read_only_connect, explain_refused_write
from data_registry.storage.schema import image
from data_registry.storage.schema_upgrade import bring_schema_up_to_date, require_newest_schema
from data_registry.text.file_names import escape_file_name
from data_registry.text.secrets import hide_secrets

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sqlalchemy.dialects import postgresql, sqlite

ROWS_A_STATEMENT = 500
_ROWS_A_PORTION = 20_000
_SETTLING_KEY = 0x65706880  # beside that of `data_registry.lock`
# Down, locked or full; or, in SQLite, a file that is no database.
_NOT_REACHED = (sa.exc.OperationalError, sa.exc.DatabaseError)
Row = Mapping[str, Any]


def now() -> str:
    """Return the time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Database:
    """Connections to the registry's database, its tables and triggers created on first use.

    An SQLite file that may be read but not written is opened read-only: a change raises a
    `StorageError`.

    Args:
        url: an SQLAlchemy URL, for example ``sqlite:///registry.db`` or
            ``postgresql+psycopg://user@host/name``.

        before_making: told the place of a database that has no tables yet, before anything is
            written; what it raises leaves nothing behind.

    Raises:
        StorageError: the database cannot be reached.
    """

    def __init__(
        self, url: str | sa.URL, before_making: Callable[[str], None] | None = None
    ) -> None:
        self._engine, self.is_read_only = _create_engine(url)
        if self._engine.dialect.name == "sqlite":
            prepare = _prepare_sqlite_reader if self.is_read_only else _prepare_sqlite
            sa.event.listen(self._engine, "connect", prepare)
        try:
            if before_making and self._is_new():
                before_making(self.place)
            with self.transaction() as connection:
                if connection.dialect.name == "postgresql":
                    _acquire_advisory_lock(
                        connection
                    )  # two that replace a function at once would fail
                if self.is_read_only:
                    require_newest_schema(connection, self.place)
                    return
                bring_schema_up_to_date(self._engine, connection, self.place)
                triggers.install(connection)
        except BaseException:
            self.close()
            raise

    @property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine."""
        return self._engine

    @property
    def place(self) -> str:
        """Where the database is, without a password."""
        return hide_secrets(self._engine.url.render_as_string(hide_password=True))

    def _is_new(self) -> bool:
        """Whether the database has no tables yet; the check creates no SQLite file."""
        file = self._engine.url.database or ""
        is_sqlite = self._engine.dialect.name == "sqlite"
        if is_sqlite and not file.startswith((":", "file:")) and not Path(file).exists():
            return True
        with self.transaction() as connection:
            return not sa.inspect(connection).has_table(image.name)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Write everything done inside the block, or nothing.

        Raises:
            InputError: a text is not UTF-8, as an argument in another encoding is.
            RuleError: the database refused a row.
            StorageError: the database cannot be reached, or its disk is full.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise StorageError(
                f"the database {self.place} holds values that cannot be read ({error}): it is "
                "damaged. Restore it from a backup"
            ) from error
        except UnicodeEncodeError as error:
            raise InputError(
                f'"{escape_file_name(error.object)}" is not UTF-8, and the database takes nothing '
                "else: write it in UTF-8. Nothing was recorded"
            ) from error
        except sa.exc.IntegrityError as error:
            raise RuleError(f"the registry refused the change: {error.orig}") from error
        except sa.exc.DatabaseError as error:
            if type(error) not in _NOT_REACHED:
                raise  # a mistake in a statement is a bug
            if self.is_read_only and "readonly" in str(error.orig):
                raise StorageError(explain_refused_write(self._engine.url)) from error
            raise StorageError(
                f"the database {self.place} did not answer: {error.orig}. What was finished is "
                "kept: repair it, then run the same command again"
            ) from error

    @contextlib.contextmanager
    def begin_exclusive_transaction(self) -> Iterator[sa.Connection]:
        """Begin a transaction that holds the lock on which images' bytes stay.

        Whoever writes an image's row or tombstone, or deletes bytes, does so in such a transaction:
        it sees what the one before it wrote, and nothing changes until it ends.
        """
        with self.transaction() as connection:
            if connection.dialect.name == "postgresql":
                _acquire_advisory_lock(connection)
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def add(self, connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
        """Insert rows; a row whose key exists is skipped."""
        insert = _load_insert(connection.dialect.name)
        pending = list(rows)
        for start in range(0, len(pending), ROWS_A_STATEMENT):
            batch = pending[start : start + ROWS_A_STATEMENT]
            connection.execute(insert(table).on_conflict_do_nothing(), batch)

    def rows(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Fetch all rows of a query."""
        with self.transaction() as connection:
            return connection.execute(statement).all()

    def frame(self, statement: sa.Select[Any]) -> pd.DataFrame:
        """Fetch all rows of a query as a data frame, one column for each selected name."""
        import pandas as pd  # takes long to load, and counting goes without it

        with self.transaction() as connection:
            result = connection.execute(statement)
            return pd.DataFrame(result.all(), columns=list(result.keys()))

    def table(self, statement: sa.Select[Any]) -> pa.Table:
        """Fetch all rows of a query as an Arrow table: a third of a data frame's memory and time.

        Columns are strings or bytes, as in the database.
        """
        import pyarrow as pa

        fields = [(item.name, _choose_arrow_type(item.type)) for item in statement.selected_columns]
        schema = pa.schema(fields)
        with self.transaction() as connection:
            result = connection.execute(statement)
            portions = [
                pa.record_batch(_build_columns(rows, schema), schema)
                for rows in _fetch_batches(result)
            ]
        return pa.Table.from_batches(portions, schema)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _create_engine(url: str | sa.URL) -> tuple[sa.Engine, bool]:
    """Create an engine; the second value says whether it can only read."""
    engine = create_engine(url)
    connect = choose_read_only_connect(engine.url)
    if connect is None:
        return engine, False
    return sa.create_engine(url, creator=connect), True


def _load_insert(dialect: str) -> Callable[[sa.Table], sqlite.Insert | postgresql.Insert]:
    """Load the dialect's INSERT; the other dialect is not imported, which saves time."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert


def _fetch_batches(result: sa.CursorResult[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Fetch rows as the driver returns them: SQLAlchemy's row objects take three times as long."""
    while result.cursor and (rows := result.cursor.fetchmany(_ROWS_A_PORTION)):
        yield rows


def _acquire_advisory_lock(connection: sa.Connection) -> None:
    """Wait for, and hold, PostgreSQL's lock until the transaction ends."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SETTLING_KEY)))


def _build_columns(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> list[pa.Array]:
    """Build columns typed by the schema: a column of NULL alone has no type of its own."""
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    return [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]


def _choose_arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    import pyarrow as pa

    return pa.binary() if isinstance(kind, sa.LargeBinary) else pa.string()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.close()


def _prepare_sqlite_reader(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA busy_timeout = 30000")
