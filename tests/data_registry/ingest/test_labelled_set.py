"""What a folder of labelled photos means: classes, splits, links, names, and what is no photo."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa
from drawn import jpeg, labelled_set, write_set

from data_registry.errors import LabelledSetError
from data_registry.ingest.class_folders import holds_only_classes
from data_registry.ingest.importing import import_folder
from data_registry.ingest.labelled_set import LabelledSet, read_labelled_set
from data_registry.ingest.split_names import parse_split_name
from data_registry.registry import Registry
from data_registry.storage import schema


def photos(*folders: str) -> dict[str, bytes]:
    """Two photographs for each folder."""
    return {f"{folder}/{n}.jpg": jpeg(n) for folder in folders for n in (1, 2)}


def layout(found: LabelledSet) -> set[tuple[str, str]]:
    return {(file.split, file.class_name) for file in found.files}


def unread(found: LabelledSet) -> dict[str, str]:
    return {entry.path: entry.reason for entry in found.not_read}


def refusal(folder: Path) -> str:
    with pytest.raises(LabelledSetError) as caught:
        read_labelled_set(folder)
    return str(caught.value)


def both(splits: Iterable[str]) -> list[str]:
    return [f"{split}/{name}" for split in splits for name in ("cat", "dog")]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training_Set", "train"), ("trainset", "train"),
        ("train2017", "train"), ("train_val", "train"), ("training-images", "train"),
        ("dev", "val"), ("VALID", "val"), ("val_data", "val"), ("validation-set", "val"),
        ("eval", "val"), ("hold-out", "test"), ("test set", "test"), ("Testing", "test"),
        ("x_train", "train"), ("01-test", "test"),
        ("\uff54\uff52\uff41\uff49\uff4e", "train"), ("\u8bad\u7ec3\u96c6", "train"),
        ("\u6d4b\u8bd5\u96c6", "test"), ("\u30c6\u30b9\u30c8\u7528", "test"),
        ("Entra\u00eenement", "train"), ("Prueba", "test"), ("tr", "train"), ("te", "test"),
        ("flowers_train", ""), ("trains", ""), ("test tube", ""), ("valley", ""), ("images", ""),
        ("set", ""),
    ],
)  # fmt: skip
def test_usual_names_of_splits(name: str, split: str) -> None:
    assert parse_split_name(name) == split


@pytest.mark.parametrize(
    "splits", [("train", "dev"), ("training_set", "test_set"), ("val", "test"), ("train",)]
)
def test_folders_with_classes_are_splits(tmp_path: Path, splits: tuple[str, ...]) -> None:
    found = read_labelled_set(write_set(tmp_path, photos(*both(splits))))
    expected = {parse_split_name(split) for split in splits}
    assert layout(found) == {(split, name) for split in expected for name in ("cat", "dog")}
    assert not found.not_read


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set/training_set", "test_set/test_set"),
        ("train/images", "test/images"),
        ("train/data", "test"),
        ("train", "test/test"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("flowers_train", "flowers_test"),
        ("train_small", "validation_small"),
        ("labeled_train", "labeled_test"),
        ("FlowersTrain", "FlowersTest"),
    ],
)
def test_doubled_folders_and_words_beside_the_split(tmp_path: Path, train: str, test: str) -> None:
    """As archives of Kaggle unpack, and as detection sets are laid out."""
    others = {"train/labels/a.txt": b"0 1 2"} if train == "train/images" else {}
    found = read_labelled_set(write_set(tmp_path, photos(*both((train, test))) | others))
    held = "val" if "validation" in test else "test"
    assert layout(found) == {(s, c) for s in ("train", held) for c in ("cat", "dog")}
    assert unread(found) == dict.fromkeys(
        ("train/labels" for _ in others), "beside the splits, without an image"
    )


def test_classes_whose_names_hold_the_word_of_a_split(tmp_path: Path) -> None:
    found = read_labelled_set(write_set(tmp_path, photos("test tube", "train station")))
    assert layout(found) == {("", "test tube"), ("", "train station")}


def test_folders_that_become_one_split_are_named(tmp_path: Path) -> None:
    found = read_labelled_set(write_set(tmp_path, photos(*both(("train", "Training", "test")))))
    assert found.notes == ("Training, train together are read as the split train",)


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (("train", "bus/day", "bus/night"), {"train", "bus"}),
        (("bus", "car", "train"), {"bus", "car", "train"}),
        (("bus", "car", "train/steam", "train/electric"), {"bus", "car", "train"}),
        (("control", "test"), {"control", "test"}),
        (("train", "test", "exam"), {"train", "test", "exam"}),
    ],
)
def test_a_class_may_be_called_like_a_split(
    tmp_path: Path, folders: tuple[str, ...], classes: set[str]
) -> None:
    found = read_labelled_set(write_set(tmp_path, photos(*folders)))
    assert layout(found) == {("", name) for name in classes}
    assert any("is read as a class" in note for note in found.notes)


def test_a_class_called_train_inside_splits(tmp_path: Path) -> None:
    """As in CIFAR-100."""
    folders = ("train/train", "train/bus", "test/train", "test/bus")
    found = read_labelled_set(write_set(tmp_path, photos(*folders)))
    assert layout(found) == {(s, c) for s in ("train", "test") for c in ("train", "bus")}


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (both(("set/train", "set/test")), "set would be a class, but it holds splits"),
        (both(("a/b/train", "a/b/test")), "name that folder"),
        (both(("set/train",)), "name set/train instead"),
        (["cat/train", "cat/test", "dog/train", "dog/test"], "CLASS/train"),
        (["cat/train", "dog/test"], "holds splits"),
        (["train/cat/train", "train/cat/test", "train/dog"], "train/cat would be a class"),
        ([*both(("train", "test")), "extra"], "extra beside them is not"),
        ([*both(("train", "later_v2", "part2"))], "later_v2, part2 beside it are not"),
        ([*both(("train", "part2"))], "part2 beside it is not"),
        ([*both(("train",)), "test"], "test holds no class folders with images: 2 files"),
        (["train", "test"], "train, test|test, train"),
        (["animals/cat", "animals/dog"], "name animals instead of the folder above it"),
        (both(("first", "second")), "first, second would be classes, but hold folders of the same"),
        ([*both(("2019", "2020")), "2021/cat"], "If these are the classes, call the folders"),
        ([*both(("learn",)), *both(("unseen",)), "new"], "learn, unseen would be classes"),
        (both(("flowers_train", "animals_test")), "flowers_train"),
        ([*both(("a_train/a_train", "a_test/a_test")), "a_pred/a_pred"], "a_pred beside them is"),
        ([*both(("a_train/a_train",)), "a_test"], "a_test holds no class folders"),
        (["cat_train", "cat_test", "dog_train", "dog_test"], "Expected train/CLASS/photo.jpg"),
        ([f"{c}/{s}" for c in ("cat", "dog") for s in ("train_x", "test_x")], "CLASS/train"),
        (both(("train/animals", "test/animals")), "animals would be the only class of"),
        ([*both(("train/animals", "test"))], "train/animals would be the only class of"),
        ([*both(("train/a", "train/b")), "test/a", "test/b"], "train/a, train/b would be classes"),
        ([*both(("train",)), "test/all"], "no class in common"),
    ],
)
def test_what_has_several_meanings_is_refused(
    registry: Registry, tmp_path: Path, folders: list[str], said: str
) -> None:
    folder = write_set(tmp_path / "given", photos(*folders))
    told = refusal(folder)
    assert any(each in told for each in said.split("|")), told
    with pytest.raises(LabelledSetError):
        import_folder(registry, folder)
    assert registry.find_known_images() == set()


def test_every_file_and_folder_left_out_is_named(tmp_path: Path) -> None:
    others = {
        "README.md": b"#",
        "labels/a.csv": b"x",
        "train/loose.jpg": jpeg(9),
        "train/cat/Thumbs.db": b"",
    }
    found = read_labelled_set(write_set(tmp_path, photos(*both(("train", "test"))) | others))
    (tmp_path / "train/cat/2019").mkdir()
    assert unread(read_labelled_set(tmp_path)) == {
        "README.md": "in no class folder",
        "labels": "beside the splits, without an image",
        "train/loose.jpg": "in no class folder",
        "train/cat/Thumbs.db": "made by a system or a tool, no photographs",
        "train/cat/2019": "an empty folder",
    }
    assert len(found.files) == 8


@pytest.mark.parametrize("below", [("2019", "2020"), ("batch 1", "batch_2"), ("a", "b")])
def test_folders_that_only_sort_the_photos_of_a_class(
    tmp_path: Path, below: tuple[str, str]
) -> None:
    folders = [f"{name}/{each}" for name in ("cat", "dog") for each in below]
    found = read_labelled_set(write_set(tmp_path, photos(*folders)))
    assert layout(found) == {("", "cat"), ("", "dog")}


HIDDEN = (
    ".ipynb_checkpoints/a.jpg", ".picasaoriginals/a.jpg", ".thumbnails/a.jpg", "._1.jpg",
    "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/._1.jpg", "Thumbs.db", "desktop.ini",
    "@__thumb/a.jpg", "Previews.lrdata/a.jpg", "Icon\r", "$RECYCLE.BIN/a.jpg", "#recycle/a.jpg",
)  # fmt: skip


def test_previews_and_hidden_files_are_no_photographs(tmp_path: Path) -> None:
    inside = {f"cat/{name}": jpeg(50 + n) for n, name in enumerate(HIDDEN)}
    above = {".git/a.jpg": jpeg(80), "@eaDir/b/c.jpg": jpeg(81), "__MACOSX/cat/._1.jpg": jpeg(82)}
    found = read_labelled_set(write_set(tmp_path, photos("cat", "dog") | inside | above))
    assert [file.path for file in found.files] == [
        "cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg",
    ]  # fmt: skip
    assert len(found.not_read) == len(HIDDEN) + 3


def test_links_are_followed_and_loops_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", photos("cat", "dog") | {"dog/3.jpg": jpeg(7)})
    write_set(tmp_path, photos("elsewhere", "whole"))
    (folder / "cat/more").symlink_to(tmp_path / "elsewhere")
    (folder / "owl").symlink_to(tmp_path / "whole")
    (folder / "dog/gone.jpg").symlink_to("/nowhere.jpg")
    (folder / "dog/up").symlink_to(folder)
    (folder / "dog/self").symlink_to("self")
    os.mkfifo(folder / "dog/pipe")
    found = read_labelled_set(folder)
    assert Counter(file.class_name for file in found.files) == {"cat": 4, "dog": 3, "owl": 2}
    assert unread(found) == {
        "dog/gone.jpg": "a link that leads nowhere",
        "dog/up": "a link back to a folder above it",
        "dog/self": "cannot be opened",
        "dog/pipe": "no file and no folder, but a device, pipe or socket",
    }


def test_links_that_multiply_are_read_only_so_often(tmp_path: Path) -> None:
    """Twenty folders with two links each to the next would be read a million times."""
    folder = write_set(tmp_path / "set", photos("cat", "dog"))
    for level in range(20):
        (tmp_path / f"level{level}").mkdir()
        for name in "ab":
            (tmp_path / f"level{level}/{name}").symlink_to(tmp_path / f"level{level + 1}")
    write_set(tmp_path, {"level20/9.jpg": jpeg(9)})
    (folder / "cat/links").symlink_to(tmp_path / "level0")
    found = read_labelled_set(folder)
    assert "a folder that other links have led to often enough" in unread(found).values()
    assert len(found.files) < 200


@pytest.mark.parametrize("splits", [(), ("train", "test")])
def test_a_class_or_split_that_leads_nowhere_is_refused(
    tmp_path: Path, splits: tuple[str, ...]
) -> None:
    write_set(tmp_path, photos(*(both(splits) or ("cat", "dog"))))
    place = "/".join([*splits[:1], "owl"])
    (tmp_path / place).symlink_to("/nowhere")
    assert f"{place} (a link that leads nowhere)" in refusal(tmp_path)


@pytest.mark.parametrize("place", ["owl", "test"])
def test_a_class_that_cannot_be_opened_is_refused(tmp_path: Path, place: str) -> None:
    write_set(tmp_path, photos("cat", "dog", place))
    (tmp_path / place).chmod(0)
    told = scanned_as_anybody(tmp_path)
    assert f"{place} (cannot be opened: Permission denied)" in told


def test_a_folder_inside_a_class_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    write_set(tmp_path, photos("cat", "dog", "cat/more"))
    (tmp_path / "cat/more").chmod(0)
    assert "4 files; cat/more cannot be opened: Permission denied" in scanned_as_anybody(tmp_path)


def scanned_as_anybody(folder: Path) -> str:
    """Record what a user who is not root, and may not open everything, is told."""
    code = f"""
from pathlib import Path
from data_registry.ingest.labelled_set import read_labelled_set
try:
    found = read_labelled_set(Path({str(folder)!r}))
    print(len(found.files), "files;", *(f"{{e.path}} {{e.why}}" for e in found.not_read))
except Exception as error:
    print(error)
"""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    command = [*(bound if os.geteuid() == 0 else []), sys.executable, "-c", code]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        for each in folder.iterdir():
            each.chmod(0o755)
        for each in folder.glob("*/more"):
            each.chmod(0o755)


def test_an_empty_class_is_refused_and_an_empty_split(tmp_path: Path) -> None:
    write_set(tmp_path / "one", photos("cat", "dog"))
    (tmp_path / "one/owl").mkdir()
    assert "fewer than 2 images that can be decoded: owl" in refusal(tmp_path / "one")
    write_set(tmp_path / "two", photos(*both(("train",))))
    (tmp_path / "two/test").mkdir()
    assert "test holds no class folders with images" in refusal(tmp_path / "two")


def test_a_class_without_readable_photos_is_told_why(tmp_path: Path) -> None:
    heic = b"\0\0\0\x18ftypcrx " + bytes(60)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"
    files = {"dog/1.CR3": heic, "dog/2.CR3": heic, "owl/1.jpg": pointer, "notes/a.txt": b"0 1"}
    told = refusal(write_set(tmp_path, photos("cat") | files))
    assert "dog: 2 files; dog/1.CR3 cannot be read: a camera's RAW file (CR3); develop" in told
    assert "owl: 1 file; owl/1.jpg cannot be read: a pointer of Git LFS" in told
    assert "notes: 1 file (annotations or other files, no photos)" in told


def test_a_class_that_is_empty_in_one_split_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, photos(*both(("train",)), "test/cat"))
    (tmp_path / "test/dog").mkdir()
    assert "test/dog is empty, but the class has photos in another split" in refusal(tmp_path)


def test_folders_called_like_previews_are_named(tmp_path: Path) -> None:
    found = read_labelled_set(write_set(tmp_path, photos("cat", "dog", "cat/thumbs")))
    assert found.notes[0].startswith("cat/thumbs is read as photos of the class")


def test_files_that_are_all_links_to_nowhere_are_counted(tmp_path: Path) -> None:
    """As git-annex and DVC leave them before they are fetched."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"{number}.jpg").symlink_to(f"../.git/annex/{number}")
    told = refusal(tmp_path)
    assert "not read: 6 entries, a link that leads nowhere: cat/0.jpg" in told


# Names


def write_raw(folder: Path, name: bytes, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / os.fsdecode(name)).write_bytes(data)


def test_names_that_are_no_utf8_stay_different(registry: Registry, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", photos("cat", "dog"))
    odd = (b"pe\xf1a.jpg", b"pe\xf2a.jpg", rb"pe\xF1a.jpg", b"a\nb\x1b[31m.jpg")
    for number, name in enumerate(odd):
        write_raw(folder / "cat", name, jpeg(20))  # the same bytes: paths alone tell them apart
        write_raw(folder / "dog", name, jpeg(30 + number))
    import_folder(registry, folder)
    rows = registry.database.rows(sa.select(schema.label.c.path))
    paths = {row.path for row in rows}
    assert {rf"cat/{name}" for name in (
        r"pe\xF1a.jpg", r"pe\xF2a.jpg", r"pe\x5CxF1a.jpg", r"a\x0Ab\x1B[31m.jpg"
    )} < paths  # fmt: skip
    assert len(rows) == 12


def test_a_class_whose_name_is_no_utf8(tmp_path: Path) -> None:
    write_set(tmp_path, photos("cat"))
    for number in (1, 2):
        write_raw(tmp_path / os.fsdecode(b"pe\xf1a"), b"%d.jpg" % number, jpeg(number))
    assert {name for _, name in layout(read_labelled_set(tmp_path))} == {"cat", r"pe\xF1a"}


def test_one_class_however_its_accents_are_composed(tmp_path: Path) -> None:
    """macOS writes the second; a class of two names would hide every leak between them."""
    folders = ("train/m\u00e9duse", "train/rose", "test/me\u0301duse", "test/ rose ")
    found = read_labelled_set(write_set(tmp_path, photos(*folders)))
    assert layout(found) == {(s, c) for s in ("train", "test") for c in ("m\u00e9duse", "rose")}


@pytest.mark.parametrize(
    "names",
    [
        ("m\u00e9duse", "me\u0301duse"),
        ("rose", "rose "),
        ("rose", "rose."),
        ("sea rose", "sea  rose"),
        ("rose", "ro\u200bse"),
        ("rose", "Rose"),
        ("STRASSE", "stra\u00dfe"),
        ("rose", "ro\u034fse"),
        ("\u2764", "\u2764\ufe0f"),
        ("cat", "\uff43\uff41\uff54"),
        ("cat", "\u0441\u0430t"),
        ("sea-rose", "sea\u2011rose"),
        ("sea-rose", "sea\u2010rose"),
        ("moon jelly", "moon_jelly"),
    ],
)
def test_names_that_look_the_same_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    told = refusal(write_set(tmp_path, photos(*names)))
    assert all(ascii(name) in told or name in told for name in names)


def test_class_names_that_windows_keeps_for_devices(tmp_path: Path) -> None:
    assert (
        len(layout(read_labelled_set(write_set(tmp_path, photos("con", "aux", "nul", "com1")))))
        == 4
    )


@pytest.mark.parametrize("name", ["  ", "\u200b", "\u3164", "\u2800", "\u034f", "_"])
def test_a_name_that_cannot_be_seen_is_refused(tmp_path: Path, name: str) -> None:
    said = refusal(write_set(tmp_path, photos("cat", name)))
    assert f"{name!a} cannot name a class: it holds nothing but spaces" in said


NESTED = tuple(f"{name}/{age}" for name in ("cat", "dog") for age in ("adult", "juvenile"))


@pytest.mark.parametrize("above", ["", "train/"])
def test_folders_that_sort_the_photos_of_a_class(tmp_path: Path, above: str) -> None:
    """Splits of unknown names look the same, so nothing is guessed."""
    folder = write_set(tmp_path, photos(*(f"{above}{name}" for name in NESTED)))
    said = refusal(folder)
    assert "hold folders of the same names: adult, juvenile" in said
    assert "name the classes in [[classes]]" in said
    assert "--nested" in said
    found = read_labelled_set(folder, is_nested=True)
    assert layout(found) == {(above.rstrip("/"), "cat"), (above.rstrip("/"), "dog")}
    assert holds_only_classes(folder, ["cat", "dog", "eel"])
    assert not holds_only_classes(folder, ["adult", "juvenile"])
    assert not holds_only_classes(folder, [])


def test_a_hidden_folder_that_may_be_a_class_is_named(tmp_path: Path) -> None:
    folder = write_set(
        tmp_path, photos("train/cat", "train/dog", "train/.net", "train/.thumbnails")
    )
    (note,) = read_labelled_set(folder).notes
    assert note.startswith("train/.net is hidden and not read, and may be a class")


def test_a_workspace_among_the_photos_is_no_class(tmp_path: Path) -> None:
    folder = labelled_set(tmp_path / "photos", per_class=2, classes=("cat", "dog"))
    with Registry.open(folder) as own:
        for _ in range(2):  # the second finds blobs/ beside the classes
            assert import_folder(own, folder).classes == {"cat": 2, "dog": 2}
    left_out = {entry.path: entry.reason for entry in read_labelled_set(folder).not_read}
    assert left_out["blobs"] == "a folder of the workspace here"
    with Registry.open(tmp_path / "alone") as alone:
        import_folder(alone, folder)
    assert "a folder of the workspace here: blobs" in refusal(tmp_path / "alone")
