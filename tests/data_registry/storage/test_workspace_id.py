"""A folder and a database that are not one workspace's are never used together."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from drawn import collect_bytes, jpeg, labelled_set

from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import StorageError
from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry, build_blob_path
from data_registry.storage.files import FileStore
from data_registry.storage.schema import metadata
from data_registry.storage.workspace_id import ID_FILE
from data_registry.verification.verify import verify
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits

OPEN = """
import sys
from data_registry.registry import Registry
Registry.open(sys.argv[1], sys.argv[2] or None).close()
"""


@pytest.fixture(
    params=[
        "folder, sqlite",
        pytest.param("folder, postgresql", marks=pytest.mark.servers),
        pytest.param("s3, sqlite", marks=pytest.mark.servers),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str | None]:
    """Where files and database of a workspace lie."""
    files, _, database = request.param.partition(", ")
    root = request.getfixturevalue("bucket") if files == "s3" else str(tmp_path / "workspace")
    if database == "postgresql":
        return root, request.getfixturevalue("postgres_url")
    return root, f"sqlite:///{tmp_path}/kept.db" if files == "s3" else None


@pytest.fixture
def filled(place: tuple[str, str | None], tmp_path: Path) -> Iterator[tuple[str, str | None]]:
    """Build the same with a version in it."""
    with Registry.open(*place) as registry:
        fill(registry, tmp_path / "set")
    yield place


def fill(registry: Registry, folder: Path) -> None:
    import_folder(registry, labelled_set(folder, per_class=4))
    link_images_by_hashes(registry, Radii())
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    publish(registry, {})


def files_of(root: str) -> list[str]:
    store = FileStore(root)
    return [*store.list("blobs"), *store.list("versions")]


def without_id(root: str, database: str | None) -> None:
    """As a workspace was before it had an id."""
    FileStore(root).delete(ID_FILE)
    engine = sa.create_engine(database or f"sqlite:///{root}/registry.db")
    with engine.begin() as connection:
        metadata.tables["workspace"].drop(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))
    engine.dispose()


def id_of(root: str) -> str:
    return str(json.loads(FileStore(root).read(ID_FILE))["workspace"])


def test_the_same_id_stands_in_both(filled: tuple[str, str | None]) -> None:
    given = id_of(filled[0])
    with Registry.open(*filled) as registry:
        rows = registry.database.rows(sa.select(metadata.tables["workspace"]))
        assert [row.workspace_id for row in rows] == [given]
        assert verify(registry, Radii(), blobs=True).holds
    assert id_of(filled[0]) == given


def test_a_new_database_is_refused_and_not_even_made(
    filled: tuple[str, str | None], tmp_path: Path
) -> None:
    before = files_of(filled[0])
    mistyped = tmp_path / "mistyped.db"
    with pytest.raises(StorageError, match=r"is empty, but .* holds images or versions"):
        Registry.open(filled[0], f"sqlite:///{mistyped}")
    assert not mistyped.exists()
    assert files_of(filled[0]) == before


def test_an_empty_database_is_refused(filled: tuple[str, str | None], tmp_path: Path) -> None:
    """Its tables were made by an earlier release, or for another folder."""
    url = f"sqlite:///{tmp_path}/other.db"
    Registry.open(tmp_path / "elsewhere", url).close()
    with pytest.raises(StorageError, match=r"is of workspace .* holds the files of workspace"):
        Registry.open(filled[0], url)
    without_id(str(tmp_path / "elsewhere"), url)
    for _ in range(2):
        with pytest.raises(StorageError, match="is empty, but"):
            Registry.open(filled[0], url)


@pytest.mark.servers
def test_an_empty_postgresql_database_is_refused(tmp_path: Path, postgres_url: str) -> None:
    with Registry.open(tmp_path / "workspace") as registry:
        collect_bytes(registry, [jpeg(1)])
    with pytest.raises(StorageError, match="is empty, but"):
        Registry.open(tmp_path / "workspace", postgres_url)
    engine = sa.create_engine(postgres_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_another_workspace_s_database_is_refused(
    filled: tuple[str, str | None], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with Registry.open(other) as registry:
        collect_bytes(registry, [jpeg(900)])
    url = f"sqlite:///{other}/registry.db"
    with pytest.raises(StorageError, match="is of workspace"):
        Registry.open(filled[0], url)
    without_id(str(other), None)
    with pytest.raises(StorageError, match="none lies in"):
        Registry.open(filled[0], url)


def test_a_workspace_of_an_earlier_release_gets_an_id(filled: tuple[str, str | None]) -> None:
    without_id(*filled)
    with Registry.open(*filled) as registry:
        assert verify(registry, Radii(), blobs=True).holds
    assert id_of(filled[0])
    Registry.open(*filled).close()


def test_a_folder_that_lost_its_id_gets_the_database_s(filled: tuple[str, str | None]) -> None:
    given = id_of(filled[0])
    FileStore(filled[0]).delete(ID_FILE)
    Registry.open(*filled).close()
    assert id_of(filled[0]) == given


def test_a_folder_without_the_images_is_refused(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "workspace") as registry:
        collect_bytes(registry, [jpeg(1)])
    url = f"sqlite:///{tmp_path / 'workspace' / 'registry.db'}"
    with pytest.raises(StorageError, match="none lies in"):
        Registry.open(tmp_path / "mistyped", url)
    assert not (tmp_path / "mistyped" / ID_FILE).exists()


def test_a_collection_that_was_killed_before_its_first_row_goes_on(tmp_path: Path) -> None:
    with Registry.open(tmp_path) as registry:
        registry.store_bytes(jpeg(1))
    with Registry.open(tmp_path) as registry:
        (name,) = collect_bytes(registry, [jpeg(1)])
        assert registry.read_image(name) == jpeg(1)


def test_a_user_s_own_files_are_no_workspace(tmp_path: Path) -> None:
    for name in ("blobs/notes.txt", "versions/2024/report.pdf", "runs/yolo/best.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"mine")
    Registry.open(tmp_path).close()
    assert (tmp_path / ID_FILE).exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"workspace": 3}', b"\xff\xfe", b"null"])
def test_a_damaged_id_is_told(tmp_path: Path, damage: bytes) -> None:
    with Registry.open(tmp_path) as registry:
        collect_bytes(registry, [jpeg(1)])
    (tmp_path / ID_FILE).write_bytes(damage)
    with pytest.raises(StorageError, match=r"workspace\.json .* is damaged.*Delete it"):
        Registry.open(tmp_path)
    (tmp_path / ID_FILE).unlink()
    Registry.open(tmp_path).close()


def test_several_processes_may_open_a_new_workspace_at_once(place: tuple[str, str | None]) -> None:
    command = [sys.executable, "-c", OPEN, place[0], place[1] or ""]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
    Registry.open(*place).close()


def test_verify_names_what_an_older_database_does_not_know(tmp_path: Path) -> None:
    workspace, kept = tmp_path / "workspace", tmp_path / "kept.db"
    with Registry.open(workspace) as registry:
        fill(registry, tmp_path / "set")
    with sqlite3.connect(workspace / "registry.db") as source, sqlite3.connect(kept) as backup:
        source.backup(backup)
    with Registry.open(workspace) as registry:
        import_folder(registry, labelled_set(tmp_path / "larger", per_class=6, classes=("c",)))
        link_images_by_hashes(registry, Radii())
        update_groups(registry)
        assign_splits(registry, SplitSettings())
        version = publish(registry, {})
        new = set(registry.find_known_images())
    for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
        (workspace / name).unlink(missing_ok=True)
    shutil.copy(kept, workspace / "registry.db")
    with Registry.open(workspace) as registry:
        found = verify(registry, Radii())
        assert not found.holds
        assert {item.rule: item.count for item in found.unnamed} == {
            "bytes-without-row": len(new - registry.find_known_images()),
            "version-without-row": 1,
        }
        assert found.unnamed[1].images == (version.version_hash,)
        assert all("the database is older than the files" in item.detail for item in found.unnamed)
        assert all(registry.files.exists(build_blob_path(name)) for name in new)
