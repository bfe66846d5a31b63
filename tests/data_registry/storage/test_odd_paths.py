"""Folders whose names mean something in a URL hold their own workspace and nothing else."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from data_registry.errors import StorageError
from data_registry.registry import Registry
from data_registry.storage.database_urls import (
    build_sqlite_text_url,
    build_sqlite_url,
    parse_database_url,
)

ODD = (
    "coins? old",
    "shells #2",
    "100% sure",
    "a%41b",
    "{braces}",
    "memory::reef",
    "a & b=c",
    "ä;ö",
)


@pytest.mark.parametrize("name", ODD)
def test_a_workspace_lies_in_its_own_folder(tmp_path: Path, name: str) -> None:
    with Registry.open(tmp_path / name) as registry:
        sha256 = registry.store_bytes(b"bytes")
        assert registry.files.list("blobs") == [f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"]
        assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "registry.db").read_bytes().startswith(b"SQLite format 3")
    with Registry.open(str(tmp_path / name)) as registry:
        assert registry.read_image(sha256) == b"bytes"


@pytest.mark.parametrize("name", ODD)
def test_a_relative_database_lies_in_the_folder_given(tmp_path: Path, name: str) -> None:
    url = parse_database_url("sqlite:///told.db?timeout=7", tmp_path / name)
    assert url.database == str(tmp_path / name / "told.db")
    assert url.query == {"timeout": "7"}
    assert build_sqlite_url(tmp_path / name).database == str(tmp_path / name)


@pytest.mark.parametrize("name", ODD)
def test_a_text_url_leads_to_the_same_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    file = tmp_path / name / "sweeps.db"
    engine = sa.create_engine(build_sqlite_text_url(file))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE found (what TEXT)")
    engine.dispose()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("found",)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("text", ["nonsense", "sqlite:///coins?.db", "postgresql://u:pw@h:port/x"])
def test_an_address_that_cannot_be_read_is_told_without_itself(tmp_path: Path, text: str) -> None:
    with pytest.raises(StorageError, match="Expected an SQLAlchemy URL") as raised:
        parse_database_url(text, tmp_path)
    assert text not in str(raised.value)
