"""Bad input through the command line: a clear error, exit code 2, and nothing lost."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from small_project import (
    LABEL,
    TINTS,
    Said,
    digest_of,
    ephyra,
    photo,
    write_found,
    write_labelled_set,
    write_photos,
    write_project,
)


def refused(said: Said, *words: str) -> None:
    """Exit code 2 and an error that says all of this, on the error output alone."""
    assert (said.code, said.out) == (2, ""), said
    assert len(re.findall(r"^error ", said.err, re.MULTILINE)) == 1  # phases may stand above it
    told = " ".join(re.split(r"^error ", said.err, flags=re.MULTILINE)[1].split())
    for word in words:
        assert word in told
    assert "Traceback" not in told


def with_label(folder: Path, label: str) -> None:
    (folder / "ephyra.toml").unlink()
    write_project(folder, label=label)


# Labelled sets


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Build a project without any image."""
    return write_project(tmp_path / "bay")


def refused_set(empty: Path, *words: str) -> None:
    before = digest_of(empty)
    refused(ephyra("import", empty / "set", "--project", empty), *words)
    assert digest_of(empty) == before
    assert not (empty / "versions").exists()


def test_an_empty_folder(empty: Path) -> None:
    (empty / "set").mkdir()
    refused_set(empty, "holds no labelled images: it is empty", "train/CLASS/photo.jpg")


def test_a_missing_folder(empty: Path) -> None:
    refused_set(empty, "set is not a folder", "one folder a class")


def test_a_class_with_one_image(empty: Path) -> None:
    write_labelled_set(empty / "set")
    for number in range(1, 12):
        (empty / "set" / "rose" / f"{number}.jpg").unlink()
    refused_set(empty, "1 of 2 classes have fewer than 2 images", "rose", "Add photos")


def test_classes_that_differ_in_case(empty: Path) -> None:
    write_labelled_set(empty / "set")
    write_photos(empty / "set" / "Moon", "moon", range(50, 54))
    refused_set(empty, "differ in upper and lower case alone: Moon and moon", "one spelling")


def test_classes_that_the_project_does_not_know(empty: Path) -> None:
    write_labelled_set(empty / "set")
    (empty / "set" / "moon").rename(empty / "set" / "mon")
    refused_set(empty, "does not name: mon.", "Expected moon, rose", "nothing was imported")


def test_an_unreadable_file_is_named_and_the_rest_is_imported(empty: Path) -> None:
    write_labelled_set(empty / "set")
    (empty / "set" / "moon" / "note.jpg").write_bytes(b"no image at all")
    (empty / "set" / "rose" / "half.jpg").write_bytes(photo("rose", 70)[:700])
    said = ephyra("import", empty / "set", "--project", empty, "--json")
    assert said.code == 0
    left_out = said.json["images"]["unreadable"]
    assert [path for path, _ in left_out] == ["moon/note.jpg", "rose/half.jpg"]
    assert said.json["images"]["images"] == 24


# The project file


def test_an_unknown_key_stops_every_stage(imported: Path) -> None:
    before = digest_of(imported)
    text = (imported / "ephyra.toml").read_text()
    (imported / "ephyra.toml").write_text(text + "\n[goal]\nacuracy = 0.9\n")
    line = text.count("\n") + 3
    for command in ("collect", "label", "merge", "train", "run", "status"):
        refused(
            ephyra(command, "--project", imported), f"ephyra.toml line {line}: goal.acuracy: there"
        )
    (imported / "ephyra.toml").write_text(text)
    assert digest_of(imported) == before


PROVIDERS = {
    "unknown kind": ('kind = "magic"', "there is no provider 'magic'; expected one of"),
    "unknown option": ('kind = "folder"\npath = "x"\ndepth = 3', "It takes: path, table, name"),
    "missing option": ('kind = "urls"', "options of provider 'urls' do not fit"),
    "path of another type": ('kind = "folder"\npath = 3', "path = 3; expected a path in quotation"),
    "address for a path": (
        'kind = "archive"\npath = "https://a.org/b.zip"',
        "takes its address as url",
    ),
    "empty path": ('kind = "folder"\npath = ""', "expected a path"),
    "missing folder": ('kind = "folder"\npath = "nowhere"', "nowhere is not a folder"),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_that_cannot_give_candidates(imported: Path, name: str) -> None:
    table, words = PROVIDERS[name]
    text = (imported / "ephyra.toml").read_text()
    (imported / "ephyra.toml").write_text(text.replace('kind = "folder"\npath = "found"', table))
    before = digest_of(imported)
    refused(ephyra("collect", "--project", imported), words)
    assert digest_of(imported) == before


def test_no_provider_and_no_model(empty: Path) -> None:
    write_project(empty, '[project]\nname = "x"\n')
    refused(ephyra("collect", "--project", empty), "names no provider", "[[collect.providers]]")
    refused(ephyra("train", "--project", empty), "names no model", "[[train.models]]")


def test_stages_without_what_they_need(empty: Path) -> None:
    refused(ephyra("merge", "--project", empty), "no labelled images yet", "ephyra import DIR")
    refused(ephyra("train", "--project", empty), "there is no version at all", "ephyra import DIR")
    refused(ephyra("label", "--project", empty), "no labelled images yet", "ephyra import DIR")
    answers = empty / "answers.csv"
    answers.write_text("sha256,answer\nffffffff,moon\n")
    refused(ephyra("review", "--answer", answers, "--project", empty), "no stored image")


# Weights


@pytest.fixture
def nobody() -> Iterator[str]:
    """Find an address on loopback where nothing listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


def test_an_unreachable_hub(
    imported: Path, nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", nobody)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with_label(imported, "")
    before = digest_of(imported)
    refused(
        ephyra("label", "--project", imported),
        "pretrained weights of 'tf_efficientnetv2_s.in21k_ft_in1k' are not in the local cache",
        f"{nobody} cannot be reached",
        "set weights to its path",
    )
    assert digest_of(imported) == before


def _not_tensors(file: Path) -> None:
    torch.save({"epoch": 3, "loss": [1.0]}, file)


def _another_models(file: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(4, 3, 3, 3)}, file)


def _another_models_safetensors(file: Path) -> None:
    save_file({"conv1.weight": torch.zeros(4, 3, 3, 3)}, file)


def _stray_bytes(file: Path) -> None:
    file.write_bytes(b"stray bytes")


WEIGHTS = {
    "not a state dict": ("a.pth", _not_tensors, "not the tensors of a state dict"),
    "another model's": ("a.pth", _another_models, "do not fit the model"),
    "another model's, safetensors": (
        "a.safetensors",
        _another_models_safetensors,
        "do not fit the model",
    ),
    "stray bytes": ("a.safetensors", _stray_bytes, "cannot be read as tensors"),
    "missing": ("a.pth", None, "there is no weights file"),
    "another kind of file": ("a.txt", _stray_bytes, "expected one of .safetensors, .pth, .pt"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_wrong_weights_file(imported: Path, name: str) -> None:
    file, write, words = WEIGHTS[name]
    if write:
        write(imported / file)
    with_label(imported, LABEL.replace('weights = "random"', f'weights = "{file}"'))
    before = digest_of(imported)
    refused(ephyra("label", "--project", imported), words, str(imported / file))
    assert digest_of(imported) == before


def test_arguments_that_the_model_does_not_take(imported: Path) -> None:
    with_label(imported, LABEL.replace("depth_multiplier", "width_of_the_sky"))
    refused(ephyra("label", "--project", imported), "width_of_the_sky", "Correct model_args")


# A full disk


def _fill(folder: Path, leave: int) -> Path:
    space = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(b"x" * (space.f_bavail * space.f_frsize - leave))
    return filler


def test_a_full_disk_while_importing(small_disk: Path, tmp_path: Path) -> None:
    bay = write_project(small_disk / "bay")
    digest_of(bay)  # the database is made
    write_labelled_set(tmp_path / "set")
    filler = _fill(small_disk, leave=80_000)
    refused(
        ephyra("import", tmp_path / "set", "--project", bay),
        "No space left on device",
        "run the same command again",
    )
    filler.unlink()
    assert ephyra("import", tmp_path / "set", "--project", bay, "--json").json["version"]
    assert ephyra("verify", "--blobs", "--project", bay).code == 0


def test_a_full_disk_while_collecting(small_disk: Path, tmp_path: Path) -> None:
    bay = write_project(small_disk / "bay")
    text = (bay / "ephyra.toml").read_text()
    (bay / "ephyra.toml").write_text(text.replace('"found"', f'"{tmp_path / "found"}"'))
    write_found(tmp_path / "found", per_class=30)
    write_labelled_set(tmp_path / "set", per_class=4)
    assert ephyra("import", tmp_path / "set", "--project", bay).code == 0
    filler = _fill(small_disk, leave=60_000)
    refused(ephyra("collect", "--project", bay), "run the same command again")
    filler.unlink()
    (again,) = ephyra("collect", "--project", bay, "--json").json["providers"]
    assert sum(again["outcomes"].values()) + again["skipped"] == 62
    assert ephyra("verify", "--blobs", "--project", bay).code == 0
    state = ephyra("status", "--project", bay, "--json").json
    assert (state["images"], state["pool"]) == (8 + 60, 60)


def test_a_sheet_that_cannot_be_written(imported: Path) -> None:
    nowhere = imported / "ephyra.toml" / "sheet.csv"
    refused(ephyra("review", "--sheet", nowhere, "--project", imported), "cannot write")
    refused(ephyra("decisions", "--csv", nowhere, "--project", imported), "cannot write")


# A person's answers


def test_answers_that_do_not_fit(imported: Path) -> None:
    file = imported / "answers.csv"
    some = next(path.name for path in (imported / "blobs").rglob("*") if path.is_file())
    before = digest_of(imported)
    for rows, words in (
        ("sha256,answer\nffffffffffffffff,moon\n", "answers.csv line 2: no stored image"),
        (f"sha256,answer\n{some},sun\n", "line 2: 'sun' is no class"),
        ("file,class\n", "has no column answer and sha256"),
    ):
        file.write_text(rows)
        refused(ephyra("review", "--answer", file, "--project", imported), words)
    refused(
        ephyra("review", "--answer", imported / "none.csv", "--project", imported), "cannot read"
    )
    assert digest_of(imported) == before


def test_a_sheet_with_answers_is_not_overwritten(imported: Path) -> None:
    sheet = imported / "answers.csv"
    assert ephyra("review", "--sheet", sheet, "--project", imported).code == 0
    sheet.write_text("sha256,answer\nmy,work\n")
    said = ephyra("review", "--sheet", sheet, "--project", imported)
    refused(said, "may hold answers", f"--answer {sheet}")
    assert "my,work" in sheet.read_text()


def test_a_labelled_folder_is_not_filled_with_pictures(imported: Path) -> None:
    before = sorted((imported / "labelled").iterdir())
    sheet = imported / "labelled.csv"
    assert ephyra("review", "--sheet", sheet, "--project", imported).code == 0
    assert sorted((imported / "labelled").iterdir()) == before
    assert [path.name for path in before] == sorted(TINTS)
