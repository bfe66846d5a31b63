"""Workspaces of older versions: what is in them stays, and what they lack is added."""

import logging
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import StorageError
from data_registry.registry import Registry
from data_registry.storage import schema, schema_upgrade, triggers
from data_registry.storage.database import Database
from data_registry.verification.digest import compute_canonical_digest
from data_registry.verification.verify import verify

WRITTEN_BY = Path(__file__).with_name("written_by")


@pytest.fixture
def old_workspace(tmp_path: Path) -> Path:
    """Unpack what version 0.1.0 wrote: imported, collected, labelled, merged and trained."""
    with tarfile.open(WRITTEN_BY / "workspace-0.1.0.tar.xz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return tmp_path / "old"


def digest_then(workspace: Path) -> str:
    return (workspace / "DIGEST").read_text().strip()


def differences(engine: sa.Engine) -> list[Any]:
    """Compare the tables with the schema of today."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, schema.metadata))


def test_the_newest_revision_is_that_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(schema_upgrade.__file__).parent / "migrations")
    )
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [schema_upgrade.NEWEST_REVISION]


def test_a_workspace_of_0_1_0_keeps_everything(old_workspace: Path) -> None:
    with Registry.open(old_workspace) as registry:
        assert compute_canonical_digest(registry) == digest_then(old_workspace)
        assert verify(registry, Radii(), blobs=True).breaches == ()
        assert differences(registry.database.engine) == []
        with registry.database.transaction() as connection:
            assert schema_upgrade.read_revision(connection) == schema_upgrade.NEWEST_REVISION
            assert triggers.find_missing(connection) == []


def test_a_copy_of_the_old_file_is_put_beside_it(
    old_workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Registry.open(old_workspace):
        pass
    copy = old_workspace / "registry.schema-0001.db"
    assert str(copy) in caplog.text
    with sqlite3.connect(copy) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        images = connection.execute("SELECT count(*) FROM image").fetchone()[0]
    connection.close()
    assert "alembic_version" not in tables
    assert "workspace" not in tables
    with Registry.open(old_workspace) as registry:
        assert len(registry.find_known_images()) == images


def test_a_second_opening_upgrades_nothing(
    old_workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Registry.open(old_workspace).close()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        Registry.open(old_workspace).close()
    assert caplog.text == ""


def test_a_failed_upgrade_leaves_the_database_as_it_was(
    old_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the disk went away")

    with monkeypatch.context() as patch:
        patch.setattr(schema_upgrade.metadata, "create_all", fail)  # the last step
        with pytest.raises(RuntimeError, match="the disk went away"):
            Registry.open(old_workspace)
    with sqlite3.connect(old_workspace / "registry.db") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "workspace" not in tables
    with Registry.open(old_workspace) as registry:
        assert compute_canonical_digest(registry) == digest_then(old_workspace)


def test_a_new_database_needs_no_upgrade(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "new") as registry:
        assert differences(registry.database.engine) == []
    assert sorted(file.name for file in (tmp_path / "new").glob("registry*")) == ["registry.db"]


def test_a_database_of_a_newer_version_is_refused_unchanged(tmp_path: Path) -> None:
    Registry.open(tmp_path / "bay").close()
    with sqlite3.connect(tmp_path / "bay" / "registry.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match=r"newer Ephyra \(schema 9999.*pip install --upgrade"):
        Registry.open(tmp_path / "bay")


@pytest.fixture
def old_postgresql(postgres_url: str, old_workspace: Path) -> Iterator[str]:
    """Copy the same rows into tables that version 0.1.0 created in PostgreSQL."""
    engine = sa.create_engine(postgres_url)
    old = sa.create_engine(f"sqlite:///{old_workspace / 'registry.db'}")
    tables = sa.MetaData()
    tables.reflect(old)
    with engine.begin() as connection, old.connect() as source:
        connection.exec_driver_sql(
            (WRITTEN_BY / "schema-0.1.0-postgresql.sql").read_text().replace("%", "%%")
        )
        for table in schema.metadata.sorted_tables:
            if table.name not in tables.tables:
                continue
            rows = [dict(row._mapping) for row in source.execute(sa.select(table))]
            if rows:
                connection.execute(sa.insert(table), rows)
    old.dispose()
    engine.dispose()
    yield postgres_url


@pytest.mark.servers
def test_a_postgresql_database_of_0_1_0_keeps_everything(
    old_postgresql: str, old_workspace: Path
) -> None:
    database = Database(old_postgresql)
    with Registry(Registry.open(old_workspace).files, database) as registry:
        assert compute_canonical_digest(registry) == digest_then(old_workspace)
        assert differences(database.engine) == []
        with database.transaction() as connection:
            assert schema_upgrade.read_revision(connection) == schema_upgrade.NEWEST_REVISION
