from pathlib import Path

import pytest
from decided import decide, group_and_split
from drawn import collect_bytes, encoded, jpeg, labelled_set, picture, write_set

from data_registry.errors import InputError
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.registry import Registry
from data_registry.versions.draft import DUPLICATE, IN_TEST_GROUP, NOT_A_CLASS, draft_manifest
from data_registry.versions.manifest import EXCLUDED
from data_registry.versions.published_versions import find_version, load_versions
from data_registry.versions.publishing import publish


def row_of(registry: Registry, sha256: str) -> tuple[str, str, str, str]:
    rows = draft_manifest(registry).set_index("sha256")
    row = rows.loc[sha256]
    return row["class_name"], row["class_origin"], row["split"], row["reason"]


@pytest.fixture
def imported(registry: Registry, tmp_path: Path) -> Registry:
    import_folder(registry, labelled_set(tmp_path / "set", 10))
    group_and_split(registry)
    return registry


def test_every_class_is_in_every_split_and_fractions_are_kept(imported: Registry) -> None:
    card = publish(imported, {}).card
    assert card["splits"] == {"test": 4, "train": 12, "val": 4}
    assert all(set(counts) == {"a", "b"} for counts in card["classes"].values())


def test_given_splits_are_kept_and_a_missing_one_is_carved(
    registry: Registry, tmp_path: Path
) -> None:
    files = {
        f"{split}/{name}/{number}.jpg": jpeg(
            1000 * (name == "b") + 100 * (split == "test") + number
        )
        for split in ("train", "test")
        for name in "ab"
        for number in range(10)
    }
    import_folder(registry, write_set(tmp_path / "set", files))
    group_and_split(registry)
    assert publish(registry, {}).card["splits"] == {"test": 20, "train": 16, "val": 4}


def test_an_accepted_image_enters_train(imported: Registry) -> None:
    (new,) = collect_bytes(imported, [jpeg(500)])
    decide(imported, new)
    group_and_split(imported)
    assert row_of(imported, new) == ("a", "decision", "train", "")


def test_a_person_overrules_the_teacher_and_the_folder(imported: Registry) -> None:
    (new,) = collect_bytes(imported, [jpeg(500)])
    decide(imported, new)
    old = min(imported.find_labelled_images())
    record_annotations(
        imported,
        [
            Annotation(sha256=new, class_name="b", person="p"),
            Annotation(sha256=old, class_name="b", person="p"),
        ],
    )
    group_and_split(imported)
    assert row_of(imported, new)[:3] == ("b", "annotation", "train")
    assert row_of(imported, old)[:2] == ("b", "annotation")


def test_a_person_answered_image_that_was_collected_is_never_held_out(imported: Registry) -> None:
    (new,) = collect_bytes(imported, [jpeg(500)])
    record_annotations(imported, [Annotation(sha256=new, class_name="a", person="p")])
    group_and_split(imported)
    assert row_of(imported, new)[2] == "train"


def test_none_of_the_classes_excludes_an_image_and_its_copies(imported: Registry) -> None:
    first, copy = collect_bytes(imported, [jpeg(500), jpeg(500, quality=60)])
    decide(imported, first, copy)
    record_annotations(imported, [Annotation(sha256=first, class_name="", person="p")])
    group_and_split(imported)
    assert row_of(imported, first)[2:] == (EXCLUDED, NOT_A_CLASS)
    assert row_of(imported, copy)[2:] == (EXCLUDED, NOT_A_CLASS)


def test_a_copy_of_a_test_image_is_excluded(imported: Registry, tmp_path: Path) -> None:
    rows = draft_manifest(imported)
    held_out = rows[rows["split"] == "test"]["sha256"].iloc[0]
    numbers = [*range(10), *range(1000, 1010)]
    number = next(n for n in numbers if imported.read_image(held_out) == jpeg(n))
    (mirrored,) = collect_bytes(imported, [encoded(picture(number).transpose(0), quality=80)])
    decide(imported, mirrored)
    group_and_split(imported)
    assert row_of(imported, mirrored)[2:] == (EXCLUDED, IN_TEST_GROUP)
    assert row_of(imported, held_out)[2] == "test"


def test_of_collected_copies_the_largest_stays(imported: Registry) -> None:
    large = encoded(picture(500, 240, 192))
    small, big = collect_bytes(imported, [jpeg(500), large])
    decide(imported, small, big)
    group_and_split(imported)
    assert row_of(imported, big)[2] == "train"
    assert row_of(imported, small)[2:] == (EXCLUDED, DUPLICATE)


def test_bytes_under_two_labels_are_in_no_version_until_a_person_decides(
    registry: Registry, tmp_path: Path
) -> None:
    folder = labelled_set(tmp_path / "set", 10)
    write_set(folder, {"b/twin.jpg": jpeg(3)})
    import_folder(registry, folder)
    group_and_split(registry)
    before = draft_manifest(registry)
    (twin,) = {s for s in registry.find_labelled_images() if registry.read_image(s) == jpeg(3)}
    assert twin not in set(before["sha256"])
    record_annotations(registry, [Annotation(sha256=twin, class_name="b", person="p")])
    group_and_split(registry)
    assert row_of(registry, twin)[:2] == ("b", "annotation")


def test_publishing_again_gives_the_same_version(imported: Registry) -> None:
    first = publish(imported, {})
    assert publish(imported, {}).tag == first.tag == "v1"
    (new,) = collect_bytes(imported, [jpeg(500)])
    decide(imported, new)
    group_and_split(imported)
    second = publish(imported, {})
    assert (second.tag, second.parent) == ("v2", first.version_hash)
    assert [v.tag for v in load_versions(imported)] == ["v1", "v2"]
    assert find_version(imported).tag == "v2"
    assert find_version(imported, first.version_hash[:8]).tag == "v1"


def test_an_unknown_version_is_told(imported: Registry) -> None:
    publish(imported, {})
    with pytest.raises(InputError, match="there is no version v7; there are: v1"):
        find_version(imported, "v7")


def test_an_empty_registry_has_nothing_to_publish(registry: Registry) -> None:
    with pytest.raises(InputError, match="ephyra import DIR"):
        publish(registry, {})
