"""`ephyra audit DIR` finds what was planted, and tells the jellyfish study's story."""

import io
from pathlib import Path

import pytest
from PIL import Image
from small_project import ephyra, photo, write_photos

from data_registry.errors import InputError
from flows.folder_audit.stage import audit_folder
from flows.model_arguments import model_arguments
from train.backbones import BackboneSpec

TINY = BackboneSpec(
    "tf_efficientnetv2_b0",
    "random",
    {"channel_multiplier": 0.25, "depth_multiplier": 0.25},
    input_size=32,
)


def smaller(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((60, 60)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Two classes, three splits; train holds a copy of a test photo and one of a val photo."""
    folder = tmp_path / "set"
    for class_name in ("moon", "rose"):
        write_photos(folder / "train" / class_name, class_name, range(12))
        write_photos(folder / "valid" / class_name, class_name, range(20, 23))
        write_photos(folder / "test" / class_name, class_name, range(30, 33))
    (folder / "train/moon/leak.jpg").write_bytes(smaller(photo("moon", 30)))
    (folder / "train/rose/same.jpg").write_bytes(photo("rose", 20))
    return folder


def told(*arguments: object) -> tuple[int, dict[str, object]]:
    said = ephyra("audit", *arguments, "--json")
    return said.code, said.json


def paths(pairs: object) -> set[tuple[str, str]]:
    assert isinstance(pairs, list)
    return {(pair["first"]["path"], pair["second"]["path"]) for pair in pairs}


def test_copies_across_splits_are_named(leaky: Path, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    code, found = told(leaky, "--page", page)
    assert code == 1  # the answer to "may I trust my test set?"
    copies = found["copies"]
    assert isinstance(copies, dict)
    assert (copies["held_out"], copies["leaked"]) == (12, 2)
    assert paths(copies["pairs"]) == {
        ("test/moon/30.jpg", "train/moon/leak.jpg"),
        ("valid/rose/20.jpg", "train/rose/same.jpg"),
    }
    text = page.read_text()
    assert "2 of 12 val and test images have a copy in another split" in text
    assert "train/moon/leak.jpg" in text
    assert "http" not in text.replace("http-equiv", "")


def test_a_clean_set_is_called_clean(tmp_path: Path) -> None:
    for class_name in ("moon", "rose"):
        write_photos(tmp_path / "set/train" / class_name, class_name, range(6))
        write_photos(tmp_path / "set/test" / class_name, class_name, range(20, 22))
    code, found = told(tmp_path / "set", "--page", tmp_path / "a.html")
    assert (code, found["copies"]["pairs"]) == (0, [])  # type: ignore[index]
    assert "No copy was found across the splits" in (tmp_path / "a.html").read_text()


def test_a_photograph_under_two_classes(tmp_path: Path) -> None:
    write_photos(tmp_path / "set/moon", "moon", range(4))
    write_photos(tmp_path / "set/rose", "rose", range(4))
    (tmp_path / "set/rose/moon.jpg").write_bytes(photo("moon", 1))
    said = ephyra("audit", tmp_path / "set", "--page", tmp_path / "a.html")
    assert said.code == 0
    assert "1 pairs of copies stand under two classes" in said.out
    assert "without splits" in said.out


def test_augmented_families_by_name(tmp_path: Path) -> None:
    write_photos(tmp_path / "set/moon", "moon", range(3))
    write_photos(tmp_path / "set/rose", "rose", range(3))
    for number in range(4):
        # another picture altogether: only its name tells where it comes from
        (tmp_path / f"set/moon/aug-{number}-1.jpg").write_bytes(photo("moon", 70 + number))
    code, found = told(tmp_path / "set", "--page", tmp_path / "a.html")
    assert (code, found["patterns"]) == (0, {"aug-N-SRC": 4})
    assert found["copies"]["families"] == 1  # type: ignore[index]


def test_nothing_in_the_folder_is_changed(leaky: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in leaky.rglob("*") if path.is_file()}
    told(leaky, "--page", tmp_path / "audit.html")
    assert {path: path.read_bytes() for path in leaky.rglob("*") if path.is_file()} == before


def test_a_file_that_cannot_be_read_is_named(leaky: Path, tmp_path: Path) -> None:
    (leaky / "train/moon/page.jpg").write_bytes(b"<html>")
    said = ephyra("audit", leaky, "--page", tmp_path / "audit.html")
    assert "cannot be read: train/moon/page.jpg" in said.out


def test_accuracies_with_leaks_and_without(leaky: Path, tmp_path: Path) -> None:
    audit = audit_folder(leaky, tmp_path / "audit.html", TINY)
    measured = audit.measured
    assert measured is not None
    assert measured.random.images == measured.grouped.images == 25  # one photo is held out, too
    assert measured.given is not None
    assert measured.given_without_leaks is not None
    assert measured.given.images == measured.given_without_leaks.images == 12
    assert all(0 <= each.given_share < each.predicted_share <= 1 for each in measured.doubtful)
    assert "Accuracy, with leaks and without" in (tmp_path / "audit.html").read_text()


def test_a_wrong_label_is_doubted(tmp_path: Path) -> None:
    write_photos(tmp_path / "set/moon", "moon", range(15))
    write_photos(tmp_path / "set/rose", "rose", range(15))
    (tmp_path / "set/rose/wrong.jpg").write_bytes(photo("moon", 90))
    measured = audit_folder(tmp_path / "set", tmp_path / "audit.html", TINY).measured
    assert measured is not None
    worst = measured.doubtful[0]
    assert (worst.path, worst.given, worst.predicted) == ("rose/wrong.jpg", "rose", "moon")


def test_weights_that_are_not_there(leaky: Path, tmp_path: Path) -> None:
    said = ephyra("audit", leaky, "--weights", tmp_path / "gone.pth", "--json")
    assert (said.code, "there is no weights file" in said.json["message"]) == (2, True)


@pytest.mark.real_data
def test_the_jellyfish_study_s_story(shared: Path, tmp_path: Path) -> None:
    """97 % where copies may stand on both sides, about 80 % in truth."""
    weights = str(shared / "weights" / "mobilenetv2_100.pth")
    middle = (0.5, 0.5, 0.5)
    how = {"pad_type": "same", "bn_eps": 1e-3}
    backbone = BackboneSpec("mobilenetv2_100", weights, how, mean=middle, std=middle)
    audit = audit_folder(shared / "data" / "jellyfish", tmp_path / "audit.html", backbone)
    assert audit.patterns == {"aug-N-SRC": 581}
    assert audit.copies.leaked >= 6
    measured = audit.measured
    assert measured is not None
    random, grouped = measured.random.interval, measured.grouped.interval
    assert random.estimate > 0.95
    assert 0.76 < grouped.estimate < 0.86
    assert grouped.high < random.low


def test_model_arguments_of_the_command_line() -> None:
    given = ["pad_type=same", "bn_eps=1e-3", "scriptable=true", "url=a=b"]
    expected = {"pad_type": "same", "bn_eps": 0.001, "scriptable": True, "url": "a=b"}
    assert model_arguments(given) == expected
    with pytest.raises(InputError, match="expected NAME=VALUE"):
        model_arguments(["pad_type"])
