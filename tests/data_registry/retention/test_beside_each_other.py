"""Takedown and gc beside runs that store images, on both databases: real threads and processes."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from decided import group_and_split
from drawn import collect_bytes, jpeg, labelled_set, write_set

from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import RuleError
from data_registry.images.image_record import build_image_record
from data_registry.images.pixels import decode
from data_registry.images.records import CollectedImage, FetchAttempt, Source
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.registry import Registry, build_blob_path
from data_registry.retention.garbage import discard, find_discardable_images
from data_registry.retention.orphaned_files import (
    SETTLED_SECONDS,
    delete_orphaned_files,
    find_orphaned_files,
)
from data_registry.retention.takedown import take_down_images
from data_registry.storage.files import FileStore
from data_registry.verification.verify import verify
from data_registry.versions.published_versions import load_versions
from data_registry.versions.publishing import publish

PHOTO = jpeg(500)
FORGET = """
import sys
from data_registry.retention.takedown import take_down_images
from data_registry.registry import Registry
with Registry.open(sys.argv[1], sys.argv[2] or None) as registry:
    take_down_images(registry, [sys.argv[3]], "asked for")
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else None


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def registry(workspace: Path, database: str | None) -> Iterator[Registry]:
    with Registry.open(workspace, database) as opened:
        yield opened


class Meeting(FileStore):
    """A folder that lets somebody else work before one of its operations, for a second at most."""

    def __init__(self, root: str, operation: str, path: str, work: Callable[[], object]) -> None:
        super().__init__(root)
        self._when = (operation, path)
        self._work = work
        self.thread: threading.Thread | None = None

    def _meet(self, operation: str, path: str) -> None:
        if self._when == (operation, path) and self.thread is None:
            self.thread = threading.Thread(target=self._work)
            self.thread.start()
            self.thread.join(1.0)  # what waits for our transaction goes on when it has ended

    def write(self, path: str, data: bytes) -> None:
        self._meet("write", path)
        super().write(path, data)

    def exists(self, path: str) -> bool:
        found = super().exists(path)
        self._meet("exists", path)
        return found

    def delete(self, path: str) -> None:
        self._meet("delete", path)
        super().delete(path)


def meeting(
    registry: Registry, operation: str, path: str, work: Callable[[], object]
) -> tuple[Registry, Callable[[], None]]:
    """Wrap the registry's files so that they meet somebody, and say how to wait for them."""
    files = Meeting(registry.files.root, operation, path, work)

    def wait() -> None:
        assert files.thread, "they never met"
        files.thread.join()

    return Registry(files, registry.database), wait


def collected(data: bytes, url: str) -> CollectedImage:
    record = build_image_record(data, decode(data))
    return CollectedImage(
        FetchAttempt(
            source=Source(provider="web", url=url), outcome="stored", sha256=record.sha256
        ),
        record,
    )


def has_bytes(registry: Registry, sha256: str) -> bool:
    return registry.files.exists(build_blob_path(sha256))


def reject(registry: Registry, sha256: str) -> None:
    record_teacher(registry, "teacher", {})
    record_decisions(
        registry,
        [
            Decision(
                sha256=sha256,
                teacher_id="teacher",
                policy="p",
                verdict="rejected",
                class_name="a",
                confidence=0.9,
                reason="far",
                detail="like nothing",
            )
        ],
    )


def test_a_takedown_holds_against_rows_that_come_later(
    registry: Registry, workspace: Path, database: str | None
) -> None:
    (name,) = collect_bytes(registry, [PHOTO])
    command = [sys.executable, "-c", FORGET, str(workspace), database or "", name]
    subprocess.run(command, check=True)
    registry.store_named(name, PHOTO)  # as a run does that has read no tombstone
    brought = collected(PHOTO, "http://127.0.0.1/elsewhere")
    seen = CollectedImage(
        FetchAttempt(
            source=Source(provider="web", url="http://127.0.0.1/x"), outcome="known", sha256=name
        )
    )
    written = registry.record_collected([brought, seen])
    assert [item.attempt.outcome for item in written] == ["tombstoned", "tombstoned"]
    assert not has_bytes(registry, name)
    assert {item.rule for item in verify(registry, Radii()).breaches} == set()
    tries = registry.load_last_attempts("web")
    assert {
        tries["", url].sha256 for url in (brought.attempt.source.url, "http://127.0.0.1/x")
    } == {""}


def test_collecting_and_forgetting_at_once_leaves_nothing(
    registry: Registry, workspace: Path, database: str | None
) -> None:
    (name,) = collect_bytes(registry, [PHOTO])
    over = threading.Event()

    def collect_again() -> None:
        with Registry.open(workspace, database) as own:
            number = 0
            while not over.is_set() or number < 20:
                number += 1
                own.store_named(name, PHOTO)
                own.record_collected([collected(PHOTO, f"http://127.0.0.1/{number}")])

    threads = [threading.Thread(target=collect_again) for _ in range(3)]
    for thread in threads:
        thread.start()
    take_down_images(registry, [name], "asked for")
    over.set()
    for thread in threads:
        thread.join()
    assert not has_bytes(registry, name)


def test_an_import_brings_back_nothing_that_is_taken_down_beside_it(
    registry: Registry, tmp_path: Path
) -> None:
    (name,) = collect_bytes(registry, [PHOTO])
    folder = write_set(labelled_set(tmp_path / "set"), {"a/found.jpg": PHOTO})

    def take_down() -> None:
        take_down_images(registry, [name], "asked for")

    importing, wait = meeting(registry, "exists", build_blob_path(name), take_down)
    found = import_folder(importing, folder)
    wait()
    assert [path for path, _ in found.unreadable] == ["a/found.jpg"]
    assert name not in registry.find_labelled_images()
    assert not has_bytes(registry, name)


@pytest.mark.parametrize("operation", ["exists", "delete"])
def test_what_an_import_brings_back_beside_gc_keeps_its_bytes(
    registry: Registry, tmp_path: Path, operation: str
) -> None:
    (name,) = collect_bytes(registry, [PHOTO])
    reject(registry, name)
    images = find_discardable_images(registry).images
    assert [item.sha256 for item in images] == [name]
    folder = write_set(labelled_set(tmp_path / "set"), {"a/found.jpg": PHOTO})

    def let_go(of: Registry) -> None:
        discard(of, images)

    def bring_back(into: Registry) -> None:
        import_folder(into, folder)

    first, second = (bring_back, let_go) if operation == "exists" else (let_go, bring_back)
    slow, wait = meeting(registry, operation, build_blob_path(name), lambda: second(registry))
    first(slow)
    wait()
    assert name in registry.find_labelled_images()
    assert registry.read_image(name) == PHOTO
    group_and_split(registry)
    publish(registry, {})
    assert verify(registry, Radii(), blobs=True).breaches == ()


def test_bytes_that_a_run_has_named_meanwhile_are_not_stray(
    registry: Registry, tmp_path: Path
) -> None:
    name = registry.store_bytes(PHOTO)  # of an import that was killed long ago
    old = time.time() - 2 * SETTLED_SECONDS
    path = registry.files.build_local_path(build_blob_path(name))
    assert path
    os.utime(path, (old, old))
    files = find_orphaned_files(registry)
    assert [file.path for file in files] == [build_blob_path(name)]
    import_folder(registry, write_set(labelled_set(tmp_path / "set"), {"a/found.jpg": PHOTO}))
    delete_orphaned_files(registry, files)
    assert registry.read_image(name) == PHOTO


def test_an_answer_given_beside_gc_keeps_its_image(registry: Registry, tmp_path: Path) -> None:
    (name,) = collect_bytes(registry, [PHOTO])
    reject(registry, name)
    images = find_discardable_images(registry).images
    record_annotations(registry, [Annotation(sha256=name, class_name="a", person="ada")])
    discard(registry, images)
    assert registry.read_image(name) == PHOTO
    assert registry.find_discarded_images() == set()


def test_a_version_holds_nothing_that_was_taken_down_while_it_was_made(
    registry: Registry, tmp_path: Path
) -> None:
    import_folder(registry, labelled_set(tmp_path / "set"))
    group_and_split(registry)
    name = min(registry.find_labelled_images())
    first = publish(registry, {"made": "before"})
    (new,) = collect_bytes(registry, [PHOTO])
    record_annotations(registry, [Annotation(sha256=new, class_name="a", person="ada")])
    group_and_split(registry)
    cards: list[str] = []

    class Cards(Meeting):
        def write(self, path: str, data: bytes) -> None:
            if path.endswith(".json") and not cards:
                cards.append(path)
                take_down_images(registry, [name], "asked for")
            super().write(path, data)

    slow = Registry(Cards(registry.files.root, "", "", lambda: None), registry.database)
    with pytest.raises(RuleError, match="1 image was taken down or deleted while"):
        publish(slow, {})
    assert [item.tag for item in load_versions(registry)] == [first.tag]
    assert publish(registry, {}).tag == "v2"
