"""What is taken down is gone, cannot come back, and is named wherever it was."""

from pathlib import Path

import pytest
from decided import decide, group_and_split
from drawn import collect_bytes, encoded, jpeg, labelled_set, picture, write_set

from data_registry import Registry
from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import InputError, StorageError
from data_registry.images.records import CollectedImage, FetchAttempt, Source
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_resolution import load_current_annotations, load_current_decisions
from data_registry.pool import TAKEN_DOWN, load_pool
from data_registry.registry import build_blob_path
from data_registry.retention.takedown import find_images_to_take_down, take_down_images
from data_registry.verification.verify import verify
from data_registry.versions.draft import DUPLICATE_OF_TAKEN_DOWN, draft_manifest
from data_registry.versions.published_versions import find_version, load_complete_rows
from data_registry.versions.publishing import publish

PHOTO = 500  # the seed of the collected image
REASON = "the photographer asked"


@pytest.fixture
def published(registry: Registry, tmp_path: Path) -> tuple[Registry, str]:
    """Build a workspace whose v1 holds one collected image, and return that image's name."""
    import_folder(registry, labelled_set(tmp_path / "set"))
    (name,) = collect_bytes(registry, [jpeg(PHOTO)])
    group_and_split(registry)
    decide(registry, name)
    publish(registry, {})
    return registry, name


def breaches(registry: Registry) -> set[str]:
    return {item.rule for item in verify(registry, Radii(), blobs=True).breaches}


def test_the_bytes_go_and_every_rule_holds(published: tuple[Registry, str]) -> None:
    registry, name = published
    forgotten = take_down_images(registry, [name], REASON)
    assert (forgotten.images, forgotten.new, forgotten.versions) == ((name,), 1, ("v1",))
    with pytest.raises(StorageError):
        registry.read_image(name)
    assert breaches(registry) == set()
    assert name not in registry.find_present_images()
    assert name not in set(draft_manifest(registry)["sha256"])
    assert name not in set(load_current_decisions(registry)["sha256"])


def test_again_it_changes_nothing(published: tuple[Registry, str]) -> None:
    registry, name = published
    take_down_images(registry, [name], REASON)
    again = take_down_images(registry, [name], "another word")
    assert (again.new, again.versions) == (0, ("v1",))


def test_the_version_is_not_learnt_from_any_more(published: tuple[Registry, str]) -> None:
    registry, name = published
    assert name in set(load_complete_rows(registry, find_version(registry, "v1"))["sha256"])
    take_down_images(registry, [name], REASON)
    with pytest.raises(InputError, match=r"v1 holds 1 image taken down.*ephyra merge"):
        load_complete_rows(registry, find_version(registry, "v1"))
    version = publish(registry, {})
    assert version.tag == "v2"
    assert name not in set(load_complete_rows(registry, version)["sha256"])


def test_a_killed_takedown_is_named_and_finished(published: tuple[Registry, str]) -> None:
    registry, name = published
    data = registry.read_image(name)
    take_down_images(registry, [name], REASON)
    registry.files.write(
        build_blob_path(name), data
    )  # as if it had been killed before the deletion
    assert breaches(registry) == {"tombstoned-image-stored"}
    take_down_images(registry, [name], REASON)
    assert breaches(registry) == set()


def test_a_copy_of_it_is_kept_out(published: tuple[Registry, str]) -> None:
    registry, name = published
    take_down_images(registry, [name], REASON)
    small = encoded(picture(PHOTO).resize((90, 72)), quality=80)
    copy, other = collect_bytes(registry, [small, jpeg(PHOTO + 1)], "again")
    group_and_split(registry)
    pool = load_pool(registry).set_index("sha256")
    assert (pool.loc[copy, "copy_of"], pool.loc[copy, "copy_split"]) == (name, TAKEN_DOWN)
    assert pool.loc[other, "copy_of"] == ""
    decide(registry, copy, other)
    rows = draft_manifest(registry).set_index("sha256")
    assert rows.loc[copy, "reason"] == DUPLICATE_OF_TAKEN_DOWN
    assert rows.loc[other, "split"] == "train"


def test_an_imported_image_can_be_taken_down(
    published: tuple[Registry, str], tmp_path: Path
) -> None:
    registry, _ = published
    rows = draft_manifest(registry)
    measuring = rows["sha256"][rows["split"] == "test"].iloc[0]
    data = registry.read_image(measuring)
    take_down_images(registry, [measuring], REASON)
    assert breaches(registry) == set()
    assert measuring not in set(draft_manifest(registry)["sha256"])
    files = {"a/back.jpg": data, "a/new.jpg": jpeg(71), "b/new.jpg": jpeg(72), "b/n.jpg": jpeg(73)}
    again = import_folder(registry, write_set(tmp_path / "more", files))
    assert [path for path, _ in again.unreadable] == ["a/back.jpg"]
    assert "taken down" in again.unreadable[0][1]
    assert breaches(registry) == set()


def test_answers_about_it_no_longer_count(published: tuple[Registry, str]) -> None:
    registry, name = published
    record_annotations(registry, [Annotation(sha256=name, class_name="a", person="ann")])
    take_down_images(registry, [name], REASON)
    assert load_current_annotations(registry).empty


# What a request means


@pytest.fixture
def credited(registry: Registry) -> dict[str, str]:
    """Three images with their sources: names by letter."""
    names = {}
    for letter, creator in (("a", "Ann"), ("b", "Ann"), ("c", "Bob")):
        (name,) = collect_bytes(registry, [jpeg(ord(letter))])
        source = Source(
            provider="web",
            url=f"http://host/{letter}.jpg",
            query="",
            page_url=f"http://host/{letter}",
            licence="",
            licence_url="",
            creator=creator,
        )
        registry.record_collected(
            [CollectedImage(FetchAttempt(source=source, outcome="known", sha256=name))]
        )
        names[letter] = name
    return names


def test_by_creator_page_url_and_name(registry: Registry, credited: dict[str, str]) -> None:
    names = credited
    assert find_images_to_take_down(registry, creators=["Ann"]) == sorted([names["a"], names["b"]])
    assert find_images_to_take_down(registry, urls=["http://host/c"]) == [names["c"]]
    assert find_images_to_take_down(registry, urls=["http://host/c.jpg"]) == [names["c"]]
    assert find_images_to_take_down(registry, sha256s=[names["b"][:8].upper()]) == [names["b"]]
    everything = find_images_to_take_down(registry, ["http://host/a"], ["Bob"], [names["b"]])
    assert everything == sorted(names.values())


@pytest.mark.parametrize(
    "given",
    [{"creators": ["ann"]}, {"urls": ["http://host/"]}, {"sha256s": ["abcdef"]}, {"sha256s": [""]}],
)
def test_a_request_that_means_nothing_is_refused(
    registry: Registry, credited: dict[str, str], given: dict[str, list[str]]
) -> None:
    with pytest.raises(InputError, match=r"[Nn]othing was taken down"):
        find_images_to_take_down(registry, **given)
    assert registry.find_tombstones() == set()
