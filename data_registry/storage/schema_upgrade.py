"""Bring the schema of an opened database up to date with Alembic.

A new database is created as `data_registry.storage.schema` describes it, and marked with the newest
revision. An older one is upgraded step by step in one transaction, which a failure undoes. Beside
an SQLite file a copy is put first.
"""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from data_registry.errors import StorageError
from data_registry.storage.schema import image, metadata

NEWEST_REVISION = "0003"  # a test compares it with the newest migration
BASELINE = "0001"
_MIGRATIONS = Path(__file__).with_name("migrations")
_revision_table = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), primary_key=True),
)
_log = logging.getLogger(__name__)


def bring_schema_up_to_date(engine: sa.Engine, connection: sa.Connection, place: str) -> None:
    """Create the tables of a new database, or upgrade those of an older one.

    Args:
        engine: of the database.
        connection: nothing was read or written through it yet.
        place: the database in words that hold no password.

    Raises:
        StorageError: a newer version of Ephyra wrote the database. Nothing was changed.
    """
    revision = read_revision(connection)
    if revision == NEWEST_REVISION:
        return
    _refuse_newer(revision, place)
    copy = _copy_older_file(engine, connection)
    if connection.dialect.name == "sqlite":
        # Holds off other processes, and makes DDL part of the transaction, which it else is not.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    revision = read_revision(connection)
    if _is_new(connection):
        _create(connection)
    elif revision != NEWEST_REVISION:
        _upgrade(connection, revision)
        kept = f" A copy of it as it was: {copy}" if copy else ""
        _log.warning("The schema of %s was upgraded to %s.%s", place, NEWEST_REVISION, kept)


def require_newest_schema(connection: sa.Connection, place: str) -> None:
    """Check the schema of a database that may only be read.

    Raises:
        StorageError: the schema is another one, which cannot be upgraded here.
    """
    revision = read_revision(connection)
    _refuse_newer(revision, place)
    if revision != NEWEST_REVISION:
        raise StorageError(
            f"the database {place} was written by an older Ephyra and must be upgraded, but you "
            "may not write it: whoever may runs `ephyra status` once"
        )


def read_revision(connection: sa.Connection) -> str | None:
    """Read the revision that stands in the database; None where there is none."""
    if not sa.inspect(connection).has_table(_revision_table.name):
        return None
    return connection.scalar(sa.select(_revision_table.c.version_num))


def _refuse_newer(revision: str | None, place: str) -> None:
    if revision and revision > NEWEST_REVISION:
        raise StorageError(
            f"the database {place} was written by a newer Ephyra (schema {revision}; this one "
            f"knows {NEWEST_REVISION}). Install that version: pip install --upgrade ephyra"
        )


def _is_new(connection: sa.Connection) -> bool:
    return not sa.inspect(connection).has_table(image.name)


def _create(connection: sa.Connection) -> None:
    metadata.create_all(connection)
    _revision_table.create(connection, checkfirst=True)
    connection.execute(sa.insert(_revision_table).values(version_num=NEWEST_REVISION))


def _upgrade(connection: sa.Connection, revision: str | None) -> None:
    from alembic import command  # only an upgrade needs it, and it takes its time to load
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if revision is None:
        command.stamp(config, BASELINE)
    command.upgrade(config, NEWEST_REVISION)
    metadata.create_all(connection)  # a table that no revision changed and that never came to be


def _copy_older_file(engine: sa.Engine, connection: sa.Connection) -> Path | None:
    """Put a copy of an SQLite file beside it; None for a new database, and for PostgreSQL."""
    file = Path(engine.url.database or "")
    if engine.dialect.name != "sqlite" or not file.is_file() or _is_new(connection):
        return None
    revision = read_revision(connection) or BASELINE
    copy = file.with_name(f"{file.stem}.schema-{revision}{file.suffix}")
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    with (
        contextlib.closing(sqlite3.connect(file)) as source,
        contextlib.closing(sqlite3.connect(unfinished)) as target,
    ):
        source.backup(target)
    unfinished.replace(copy)
    return copy
