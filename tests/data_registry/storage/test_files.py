"""Files appear completely or not at all, on a disk, on a full disk, and in a bucket."""

import threading
import time
from pathlib import Path

import pytest

from data_registry.errors import StorageError
from data_registry.registry import Registry
from data_registry.storage.files import FileStore

of_one_megabyte = pytest.mark.parametrize("small_disk", ["1m"], indirect=True)


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    root = request.getfixturevalue("bucket") if request.param == "s3" else tmp_path / "store"
    return FileStore(root)


def test_what_is_written_is_read(store: FileStore) -> None:
    assert not store.exists("a/b/c")
    store.write("a/b/c", b"first")
    store.write("a/b/c", b"second")
    store.write("a/d", b"")
    assert store.read("a/b/c") == b"second"
    assert store.read("a/d") == b""
    assert store.list("a") == ["a/b/c", "a/d"]
    store.delete("a/b/c")
    store.delete("a/b/c")
    assert store.list("a") == ["a/d"]
    assert store.list("nowhere") == []


def test_stored_files_have_their_size_and_time(store: FileStore) -> None:
    before = time.time()
    store.write("a/b/c", b"12345")
    store.write("a/.d.0123.partial", b"1")
    found = {item.path: item for item in store.list_stored_files("a")}
    assert {path: item.byte_count for path, item in found.items()} == {
        "a/b/c": 5,
        "a/.d.0123.partial": 1,
    }
    # A bucket's clock has whole seconds.
    assert all(before - 2 < item.written < time.time() + 2 for item in found.values())
    assert store.list_stored_files("nowhere") == ()


def test_a_missing_file_is_told(store: FileStore) -> None:
    with pytest.raises(StorageError, match="a/b is not in the workspace"):
        store.read("a/b")


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    whole = {bytes([n]) * 2_000_000 for n in (65, 66)}
    store.write("x", min(whole))
    done = threading.Event()

    def write() -> None:
        for _ in range(30):
            for data in whole:
                store.write("x", data)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert store.read("x") in whole
    writer.join()
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@of_one_megabyte
def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path) -> None:
    store = FileStore(small_disk)
    store.write("kept", b"k" * 1000)
    with pytest.raises(StorageError, match=r"No space left on device.*run the same command again"):
        store.write("large", b"x" * 2_000_000)
    assert store.read("kept") == b"k" * 1000
    assert store.list("") == ["kept"]
    assert list(small_disk.iterdir()) == [small_disk / "kept"]
    store.write("small", b"fits")


@of_one_megabyte
def test_a_full_disk_under_the_database_is_told(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * 1_000_000)
    with pytest.raises(StorageError, match="full"):
        Registry.open(small_disk)


@pytest.mark.servers
def test_a_bucket_needs_a_database_elsewhere(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="remote store"):
        Registry.open(bucket)
    with Registry.open(bucket, f"sqlite:///{tmp_path}/registry.db") as registry:
        sha256 = registry.store_bytes(b"bytes")
        assert registry.read_image(sha256) == b"bytes"
        assert registry.files.list("blobs") == [f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"]


@pytest.mark.parametrize("url", ["nonsense", "oracle+what://x"])
def test_a_wrong_database_url_is_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(StorageError, match="SQLAlchemy URL"):
        Registry.open(tmp_path, url)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"this is no database " * 100)
    with pytest.raises(StorageError, match="not a database"):
        Registry.open(tmp_path)
