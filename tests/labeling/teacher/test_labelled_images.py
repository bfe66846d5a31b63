from pathlib import Path

import pytest
from labelled_pictures import TINTS, Bay, jpeg, picture, smaller_copy

from data_registry.errors import InputError
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits, load_assigned_splits
from labeling.teacher.labelled import load_labelled_images


def test_train_images_with_a_label_and_nothing_else(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set", per_class=3, held_out=2)
    found = load_labelled_images(bay.registry)
    splits = load_assigned_splits(bay.registry)
    assert sorted(splits.values()) == ["test"] * 6 + ["train"] * 9 + ["val"] * 6
    assert set(found.sha256) == {name for name, split in splits.items() if split == "train"}
    assert found.class_names == tuple(sorted(TINTS))
    assert list(found.sha256) == sorted(found.sha256)
    assert sorted(found.classes.tolist()) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_decision_teaches_no_teacher(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set", per_class=3)
    before = load_labelled_images(bay.registry)
    (name,) = bay.collect([jpeg("red", 7)])
    bay.decide("t" * 64, {name: ("accepted", 0.99)}, "red")
    after = load_labelled_images(bay.registry)
    assert name not in after.sha256
    assert after.digest == before.digest


def test_annotations_count(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set", per_class=3)
    named, nothing = bay.collect([jpeg("red", 7), jpeg("green", 8)])
    corrected = load_labelled_images(bay.registry).sha256[0]
    answers = [(named, "red"), (nothing, ""), (corrected, "green")]
    record_annotations(
        bay.registry,
        [Annotation(sha256=name, class_name=answer, person="ann") for name, answer in answers],
    )
    found = load_labelled_images(bay.registry)
    class_of = {
        name: found.class_names[index]
        for name, index in zip(found.sha256, found.classes, strict=True)
    }
    assert class_of[named] == "red"
    assert class_of[corrected] == "green"
    assert nothing not in class_of


def test_a_copy_of_a_held_out_image_teaches_nothing_even_if_answered(
    bay: Bay, tmp_path: Path
) -> None:
    bay.label(tmp_path / "set", per_class=3, held_out=2)
    (copy,) = bay.collect([smaller_copy(picture("red", 3))])  # 3 and 4 are val, 5 and 6 test
    record_annotations(bay.registry, [Annotation(sha256=copy, class_name="red", person="ann")])
    assert copy not in load_labelled_images(bay.registry).sha256


def test_group_names_do_not_depend_on_the_pool(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set", per_class=3)
    before = load_labelled_images(bay.registry)
    copies = [
        smaller_copy(picture(name, seed), side)
        for name in TINTS
        for seed in range(3)
        for side in (40, 44, 48, 52)
    ]
    bay.collect(copies)
    after = load_labelled_images(bay.registry)
    assert (after.sha256, after.groups, after.digest) == (
        before.sha256,
        before.groups,
        before.digest,
    )


def import_train(bay: Bay, folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (folder / "train" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "train" / path).write_bytes(data)
    import_folder(bay.registry, folder)
    bay.regroup()
    assign_splits(bay.registry, SplitSettings(val=0.01, test=0.01))


def test_a_class_with_a_single_photo_in_train_is_refused_by_name(bay: Bay, tmp_path: Path) -> None:
    files = {f"{name}/{seed}.jpg": picture(name, seed) for name in TINTS for seed in range(6)}
    # Two files, but one photo: val and test take nothing of a class with one group.
    files |= {"lonely/1.jpg": jpeg("red", 99), "lonely/2.jpg": smaller_copy(jpeg("red", 99))}
    import_train(bay, tmp_path / "set", files)
    with pytest.raises(InputError, match=r"a single photo .* in train: lonely\. .*import more"):
        load_labelled_images(bay.registry)


def test_a_single_class_is_refused(bay: Bay, tmp_path: Path) -> None:
    import_train(bay, tmp_path / "set", {f"red/{n}.jpg": picture("red", n) for n in range(6)})
    with pytest.raises(InputError, match=r"train holds 1 class .* at least 2"):
        load_labelled_images(bay.registry)


def test_an_empty_registry_is_refused(bay: Bay) -> None:
    with pytest.raises(InputError, match=r"train holds 0 classes .*ephyra import"):
        load_labelled_images(bay.registry)


def test_the_digest_tells_images_classes_and_groups(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set", per_class=3)
    found = load_labelled_images(bay.registry)
    vars_ = vars(found)
    changed = [
        found.select_rows(found.classes.argsort()[1:]),
        type(found)(**{**vars_, "classes": (found.classes + 1) % 3}),
        type(found)(**{**vars_, "groups": ("other", *found.groups[1:])}),
        type(found)(**{**vars_, "class_names": ("other", *found.class_names[1:])}),
    ]
    assert len({found.digest, *(item.digest for item in changed)}) == 5
