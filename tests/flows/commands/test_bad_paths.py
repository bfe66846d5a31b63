"""Paths and texts that the system or the database refuses: exit code 2, and no traceback."""

import errno
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_project import ephyra, write_labelled_set, write_project

from flows.output.path_errors import explain_path_error

NAME = '[project]\nname = "x"\n'
LONG = 300 * "b"
LATIN_1 = "n\udcf1"  # as Python reads an argument that is the byte F1
NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user who owns nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root may become nobody")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def refused(words: str, *arguments: str | Path) -> None:
    """Exit code 2 with these words, as text and as JSON."""
    said = ephyra(*arguments)
    assert said.code == 2, said
    assert words in " ".join(said.err.split())
    assert words in ephyra(*arguments, "--json").json["message"]


@pytest.fixture
def bay(tmp_path: Path) -> Path:
    write_labelled_set(tmp_path / "set", 2)
    return write_project(tmp_path / "bay", NAME)


def test_names_that_no_file_system_takes(bay: Path, tmp_path: Path) -> None:
    words = "File name too long. File systems take names of at most 255 bytes"
    inside = ("--project", bay)
    refused(words, "audit", tmp_path / LONG)
    refused(words, "audit", tmp_path / "set", "--weights", f"{LONG}.pth")
    refused(words, "import", tmp_path / LONG, *inside)
    refused(words, "init", tmp_path / LONG)
    refused(words, "why", LONG, *inside)
    refused(words, "review", "--sheet", f"{LONG}.csv", *inside)
    refused(words, "demo", "--keep", tmp_path / LONG)


def test_a_folder_that_may_not_be_entered(bay: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    ephyra("audit", tmp_path / "set", "--page", tmp_path / "a.html")  # what it needs is loaded
    with as_nobody():
        refused("Permission denied. Give a path that you may use", "audit", tmp_path / "set")
        refused("Permission denied", "init", tmp_path / "new")
        refused("cannot be read: Permission denied", "status", "--project", bay)


def test_a_mistake_of_the_program_keeps_its_traceback(tmp_path: Path) -> None:
    ours = str(Path(tomllib.__file__).with_name("missing.toml"))
    assert explain_path_error(FileNotFoundError(errno.ENOENT, "no such file", ours)) is None
    assert explain_path_error(ConnectionResetError(errno.ECONNRESET, "reset by peer")) is None
    full = explain_path_error(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None
    assert str(full).startswith("No space left on device. What was finished is kept")


@pytest.mark.parametrize("limit", ["inf", "nan", "1e308", "-inf"])
def test_limits_that_are_no_usable_numbers(bay: Path, tmp_path: Path, limit: str) -> None:
    for name in ("megapixels", "megabytes"):
        said = ephyra("audit", tmp_path / "set", f"--max-{name}", limit)
        assert said.code == 2, said
        (bay / "ephyra.toml").write_text(f"{NAME}[collect]\nmax_{name} = {limit}\n")
        refused(f"line 4: collect.max_{name}: expected", "check", "--project", bay)


MISTAKES = {
    "NUL": ('[storage]\nfiles = "a\\u0000"\n', "line 4: storage.files: the text holds a NUL"),
    "NUL of a provider": (
        '[[collect.providers]]\nkind = "folder"\npath = "a\\u0000"\n',
        "line 5: collect.providers.path: the text holds a NUL",
    ),
    "too deep": (f"x = {3000 * '['}{3000 * ']'}\n", "its values stand too deep in one another"),
    "too many digits": (f"x = {5000 * '9'}\n", "is not valid TOML"),
    "a seed below 0": ("[label]\nseed = -1\n", "line 4: label.seed: expected at least 0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_project_file_that_cannot_be_used(bay: Path, name: str) -> None:
    text, words = MISTAKES[name]
    (bay / "ephyra.toml").write_text(NAME + text)
    for command in ("check", "status"):
        refused(words, command, "--project", bay)


def test_texts_in_another_encoding(bay: Path, tmp_path: Path) -> None:
    words = '"n\\xF1" is not UTF-8, and the database takes nothing else'
    for option in ("--creator", "--url"):
        refused(words, "forget", option, LATIN_1, "--project", bay)
    assert ephyra("init", tmp_path / LATIN_1).code == 0
    assert ephyra("check", "--project", tmp_path / LATIN_1, "--json").json["project"] == "n\\xF1"


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "a.jpg").write_bytes(b"photo")
    provider = '[[collect.providers]]\nkind = "folder"\npath = "~/found"\n'
    bay = write_project(tmp_path / "bay", f'{NAME}[storage]\nfiles = "~/store"\n{provider}')
    assert ephyra("check", "--project", bay, "--json").json["problems"] == []
    assert ephyra("status", "--project", bay).code == 0
    assert (tmp_path / "store" / "registry.db").is_file()


def test_a_file_for_the_folder_of_a_project(bay: Path) -> None:
    refused(
        "expected the folder that holds ephyra.toml", "status", "--project", bay / "ephyra.toml"
    )


@pytest.mark.parametrize("page", ["", ".", "/"])
def test_a_folder_for_the_page_of_an_audit(tmp_path: Path, bay: Path, page: str) -> None:
    refused("is a folder: expected the name of the page", "audit", tmp_path / "set", "--page", page)


@pytest.mark.parametrize(
    "option", [("--backbone", "resnet18"), ("--normalisation", "0.5"), ("--model-arg", "a=1")]
)
def test_a_model_without_its_weights(tmp_path: Path, bay: Path, option: tuple[str, str]) -> None:
    refused("name its file with --weights", "audit", tmp_path / "set", *option)
