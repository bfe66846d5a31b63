"""What may go from a workspace, what stays, and what is known of it afterwards."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from decided import group_and_split
from drawn import collect_bytes, jpeg, labelled_set, write_set

from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import RuleError, StorageError
from data_registry.history.image_history import load_image_history
from data_registry.history.image_lookup import find_image
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.pool import load_pool
from data_registry.registry import Registry, build_blob_path
from data_registry.retention.garbage import DiscardableImage, discard, find_discardable_images
from data_registry.retention.orphaned_files import (
    GONE,
    SETTLED_SECONDS,
    UNFINISHED,
    UNNAMED,
    UNPUBLISHED,
    delete_orphaned_files,
    find_orphaned_files,
)
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.verification.digest import compute_canonical_digest
from data_registry.verification.verify import verify
from data_registry.versions.draft import NOT_KEPT, draft_manifest
from data_registry.versions.manifest import EXCLUDED, build_manifest_path, read_manifest
from data_registry.versions.publishing import publish

ACCEPTED, IN_REVIEW, REJECTED, NOTHING, NAMED, NEW = range(500, 506)


def decide(registry: Registry, sha256: str, verdict: str) -> None:
    record_teacher(registry, "teacher", {})
    decision = Decision(
        sha256=sha256,
        teacher_id="teacher",
        policy="p",
        verdict=verdict,
        class_name="a",
        confidence=0.9,
        reason="far",
        detail="like nothing",
    )
    record_decisions(registry, [decision])


def fill(registry: Registry, folder: Path) -> dict[int, str]:
    """Store collected images of every fate; return names by the numbers they were drawn from."""
    import_folder(registry, labelled_set(folder))
    numbers = (ACCEPTED, IN_REVIEW, REJECTED, NOTHING, NAMED, NEW)
    stored = collect_bytes(registry, [jpeg(number) for number in numbers])
    names = dict(zip(numbers, stored, strict=True))
    for number, verdict in ((ACCEPTED, "accepted"), (IN_REVIEW, "review"), (REJECTED, "rejected")):
        decide(registry, names[number], verdict)
    for number, said in ((NOTHING, ""), (NAMED, "b")):
        decide(registry, names[number], "rejected")
        record_annotations(
            registry, [Annotation(sha256=names[number], class_name=said, person="ada")]
        )
    group_and_split(registry)
    return names


@pytest.fixture
def names(registry: Registry, tmp_path: Path) -> dict[int, str]:
    return fill(registry, tmp_path / "set")


def gone(registry: Registry) -> set[str]:
    return {item.sha256 for item in find_discardable_images(registry).images}


def breaches(registry: Registry) -> set[str]:
    return {item.rule for item in verify(registry, Radii(), blobs=True).breaches}


def test_only_what_was_turned_down_may_go(registry: Registry, names: dict[int, str]) -> None:
    found = find_discardable_images(registry)
    assert {item.sha256 for item in found.images} == {names[REJECTED], names[NOTHING]}
    assert found.kept == {
        "accepted, for a version to come": 1,
        "labelled by the user": 16,
        "named by a person": 1,
        "not decided yet": 1,
        "waiting for a person": 1,
    }
    by_name = {item.sha256: item for item in found.images}
    assert by_name[names[REJECTED]].reason == "rejected, far: like nothing"
    assert by_name[names[NOTHING]].reason == "ada said: none of the classes"
    assert by_name[names[REJECTED]].url.startswith("http://127.0.0.1/")
    assert by_name[names[REJECTED]].byte_count == len(jpeg(REJECTED))
    publish(registry, {})
    assert find_discardable_images(registry).kept["in a version"] == 2
    assert gone(registry) == {names[REJECTED], names[NOTHING]}


def test_what_went_is_still_known_and_every_rule_holds(
    registry: Registry, names: dict[int, str]
) -> None:
    publish(registry, {})
    present = registry.find_present_images()
    discard(registry, find_discardable_images(registry).images)
    assert present - registry.find_present_images() == {names[REJECTED], names[NOTHING]}
    assert registry.find_known_images() >= present
    assert not registry.files.exists(build_blob_path(names[REJECTED]))
    assert breaches(registry) == set()
    assert gone(registry) == set()
    assert names[REJECTED] not in set(load_pool(registry)["sha256"])
    found = load_image_history(registry, find_image(registry, names[REJECTED]))
    assert found.state == "collected, not kept: rejected, far: like nothing"
    assert found.events[-1].what == "discarded"
    assert not found.facts["bytes_are_there"]
    # A version of the same state holds the same images.
    assert publish(registry, {}).tag == "v1"


def test_what_was_rejected_since_a_version_held_it_stays(
    registry: Registry, names: dict[int, str]
) -> None:
    publish(registry, {})
    decide(registry, names[ACCEPTED], "rejected")
    assert names[ACCEPTED] not in gone(registry)
    with pytest.raises(RuleError, match="in a version is never discarded"):
        discard(registry, [DiscardableImage(names[ACCEPTED], "", "by mistake", 1)])
    assert registry.files.exists(build_blob_path(names[ACCEPTED]))


def test_what_a_manifest_alone_holds_stays(registry: Registry, names: dict[int, str]) -> None:
    """An older workspace may lack assignments; the manifest tells."""
    version = publish(registry, {})
    with registry.database.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER split_assignment_refuses_delete")
        connection.execute(sa.delete(schema.split_assignment))
    decide(registry, names[ACCEPTED], "rejected")
    assert names[ACCEPTED] not in gone(registry)
    registry.files.delete(build_manifest_path(version.version_hash))
    with pytest.raises(StorageError):
        find_discardable_images(registry)


def test_a_labelled_image_is_never_discarded(registry: Registry, names: dict[int, str]) -> None:
    labelled = min(registry.find_labelled_images())
    with pytest.raises(RuleError, match="labelled or in a version"):
        discard(registry, [DiscardableImage(labelled, "", "by mistake", 1)])
    assert registry.files.exists(build_blob_path(labelled))
    assert registry.find_discarded_images() == set()


def test_a_copy_of_what_went_is_judged_by_itself(registry: Registry, names: dict[int, str]) -> None:
    discard(registry, find_discardable_images(registry).images)
    copy, twin = collect_bytes(registry, [jpeg(REJECTED, 50), jpeg(NOTHING, 50)], "again")
    group_and_split(registry)
    pool = load_pool(registry).set_index("sha256")
    assert pool.loc[copy, "copy_of"] == ""
    # What a person called none of the classes still speaks for its copies.
    decide(registry, twin, "accepted")
    rows = draft_manifest(registry).set_index("sha256")
    assert rows.loc[twin, "split"] == EXCLUDED


def test_a_person_s_later_word_does_not_put_it_into_a_version(
    registry: Registry, names: dict[int, str]
) -> None:
    discard(registry, find_discardable_images(registry).images)
    record_annotations(registry, [Annotation(sha256=names[REJECTED], class_name="a", person="ada")])
    rows = draft_manifest(registry).set_index("sha256")
    assert tuple(rows.loc[names[REJECTED], ["split", "reason"]]) == (EXCLUDED, NOT_KEPT)
    publish(registry, {})
    assert breaches(registry) == set()


def test_an_import_brings_it_back(
    registry: Registry, names: dict[int, str], tmp_path: Path
) -> None:
    discard(registry, find_discardable_images(registry).images)
    files = {"a/back.jpg": jpeg(REJECTED), "a/1.jpg": jpeg(700), "b/2.jpg": jpeg(701)}
    import_folder(registry, write_set(tmp_path / "more", {**files, "b/3.jpg": jpeg(702)}))
    group_and_split(registry)
    assert names[REJECTED] in registry.find_present_images()
    version = publish(registry, {})
    kept = read_manifest(registry, version.version_hash).query("split != 'excluded'")
    assert names[REJECTED] in set(kept["sha256"])
    assert breaches(registry) == set()


def killed_at(registry: Registry, moment: int) -> Iterator[None]:
    """Discard, stopped after some of the bytes went."""
    images = find_discardable_images(registry).images
    delete, seen = registry.files.delete, 0

    def dying(path: str) -> None:
        nonlocal seen
        if seen == moment:
            raise KeyboardInterrupt
        seen += 1
        delete(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry.files, "delete", dying)
        with pytest.raises(KeyboardInterrupt):
            discard(registry, images)
        yield


@pytest.mark.parametrize("moment", [0, 1])
def test_a_discard_that_was_killed_is_finished_by_the_next(
    registry: Registry, names: dict[int, str], tmp_path: Path, moment: int
) -> None:
    for _ in killed_at(registry, moment):
        assert registry.find_discarded_images() == {names[REJECTED], names[NOTHING]}
    assert breaches(registry) == set()
    strays = find_orphaned_files(registry)
    assert [item.reason for item in strays] == [GONE] * (2 - moment)
    delete_orphaned_files(registry, strays)
    assert find_orphaned_files(registry) == []
    with Registry.open(tmp_path / "undisturbed") as other:
        fill(other, tmp_path / "same")
        discard(other, find_discardable_images(other).images)
        assert compute_canonical_digest(other) == compute_canonical_digest(registry)
        assert other.files.list("blobs") == registry.files.list("blobs")


def aged(registry: Registry, path: str) -> None:
    file = registry.files.build_local_path(path)
    assert file is not None
    old = time.time() - SETTLED_SECONDS - 60
    os.utime(file, (old, old))


def test_files_that_nothing_names_go_once_they_are_old(
    registry: Registry, names: dict[int, str]
) -> None:
    publish(registry, {})
    unnamed = build_blob_path(registry.store_bytes(b"bytes whose row never came"))
    write = f"{build_blob_path('ab' * 32).rpartition('/')[0]}/.x.0123.partial"
    never = [build_manifest_path("cd" * 32), "versions/" + "cd" * 32 + ".json"]
    mine = "blobs/notes.txt"
    for path in (unnamed, write, *never, mine):
        registry.files.write(path, b"x" * 10)
    assert find_orphaned_files(registry) == []
    for path in (unnamed, write, *never, mine):
        aged(registry, path)
    found = find_orphaned_files(registry)
    assert {item.path: item.reason for item in found} == {
        unnamed: UNNAMED,
        write: UNFINISHED,
        never[0]: UNPUBLISHED,
        never[1]: UNPUBLISHED,
    }
    assert {item.byte_count for item in found} == {10}
    delete_orphaned_files(registry, found)
    assert registry.files.exists(mine)
    assert breaches(registry) == set()


def test_bytes_of_a_takedown_that_was_killed_go(registry: Registry, names: dict[int, str]) -> None:
    with registry.database.transaction() as connection:
        row = {"sha256": names[NEW], "reason": "asked", "at": now()}
        connection.execute(sa.insert(schema.tombstone), [row])
    assert breaches(registry) == {"tombstoned-image-stored"}
    delete_orphaned_files(registry, find_orphaned_files(registry))
    assert breaches(registry) == set()
