"""What `audit`, `import` and `predict` say of a folder: odd names, and what was not read."""

import json
import os
from pathlib import Path

import pytest
from small_project import ephyra, photo, write_labelled_set, write_photos, write_project

from flows.config.workspace import open_workspace
from flows.orchestration.answer_rows import format_text
from flows.output.import_view import build_import_answer
from flows.prediction.inputs import read_images
from flows.stages.stages import import_stage

LATIN = os.fsdecode(b"pe\xf1a.jpg")
READABLE = r"pe\xF1a.jpg"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Write a set in a folder whose name is no UTF-8, as one of its files' is not."""
    folder = write_labelled_set(tmp_path / os.fsdecode(b"se\xf1or"), per_class=4)
    (folder / "moon" / LATIN).write_bytes(photo("moon", 50))
    (folder / "moon" / os.fsdecode(b"broken\xf1.jpg")).write_bytes(b"<html>")
    (folder / "moon" / ".thumbnails").mkdir()
    (folder / "rose" / "gone.jpg").symlink_to("/nowhere.jpg")
    return folder


def test_an_audit_takes_any_name(odd: Path, tmp_path: Path) -> None:
    (odd / "rose" / LATIN).write_bytes(photo("moon", 50))
    page = tmp_path / os.fsdecode(b"p\xe4ge.html")
    said = ephyra("audit", odd, "--page", page)
    assert said.code == 0
    assert said.out.encode()  # no surrogates, which no terminal takes
    assert r"cannot be read: moon/broken\xF1.jpg" in said.out
    assert "1 entry, hidden: moon/.thumbnails" in said.out
    assert "1 entry, a link that leads nowhere: rose/gone.jpg" in said.out
    assert READABLE in page.read_text(encoding="utf-8")
    found = ephyra("audit", odd, "--page", page, "--json").json
    assert json.dumps(found, ensure_ascii=False).encode()
    assert found["folder"].endswith(r"se\xF1or")
    assert {entry["path"]: entry["reason"] for entry in found["images"]["not_read"]} == {
        "moon/.thumbnails": "hidden",
        "rose/gone.jpg": "a link that leads nowhere",
    }


def test_an_import_takes_any_name(odd: Path, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    said = ephyra("import", odd, "--project", folder)
    assert said.code == 0
    assert said.out.encode()
    assert "1 entry, hidden: moon/.thumbnails" in said.out
    assert r"left out moon/broken\xF1.jpg" in said.out
    with open_workspace(folder) as workspace:
        answer = build_import_answer(import_stage(workspace, odd))
    words = format_text(answer)  # what a flow's page says
    assert "1 entry, a link that leads nowhere: rose/gone.jpg" in words
    assert ephyra("why", f"moon/{LATIN}", "--project", folder).code == 0
    assert ephyra("verify", "--project", folder).code == 0


def test_a_folder_to_predict_is_read_the_same_way(odd: Path, tmp_path: Path) -> None:
    with open_workspace(write_project(tmp_path / "project")) as workspace:
        names = [name for name, _ in read_images(workspace, [str(odd / "moon")])]
    assert [name.rpartition("/")[2] for name in names] == [
        "0.jpg", "1.jpg", "2.jpg", "3.jpg", r"broken\xF1.jpg", READABLE,
    ]  # fmt: skip


@pytest.mark.parametrize("splits", [("train", "dev"), ("training_set", "test_set")])
def test_leaks_between_splits_of_other_names(tmp_path: Path, splits: tuple[str, ...]) -> None:
    for split in splits:
        for class_name in ("moon", "rose"):
            write_photos(tmp_path / "set" / split / class_name, class_name, range(3))
    said = ephyra("audit", tmp_path / "set", "--page", tmp_path / "a.html")
    assert said.code == 1
    assert "6 of 6 val and test images have a duplicate in another split" in said.out


@pytest.mark.parametrize("command", ["audit", "import"])
def test_a_folder_one_level_too_high(tmp_path: Path, command: str) -> None:
    for split in ("train", "test"):
        write_labelled_set(tmp_path / "above" / "set" / split, per_class=3)
    project = ["--project", str(write_project(tmp_path / "p"))] if command == "import" else []
    said = ephyra(command, tmp_path / "above", *project)
    assert said.code == 2
    assert "set would be a class, but it holds splits: set/test, set/train" in said.err


def test_classes_of_the_project_file_may_be_composed_otherwise(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    text = (folder / "ephyra.toml").read_text().replace('name = "moon"', 'name = "me\u0301duse"')
    (folder / "ephyra.toml").write_text(text)
    write_labelled_set(tmp_path / "set", per_class=4)
    (tmp_path / "set/moon").rename(tmp_path / "set/m\u00e9duse")
    assert ephyra("import", tmp_path / "set", "--project", folder).code == 0
