"""The snippets of README, ARCHITECTURE, CONTRIBUTING and docs run as they are written."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from small_project import ephyra, write_labelled_set
from typer.main import get_command

from flows.cli import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] + [
    f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md"))
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Commands that need no network, weights, answers or named classes.
OFFLINE = {"audit", "init", "import", "merge", "status", "verify", "decisions", "gc"}


def find_blocks(language: str) -> list[tuple[str, str]]:
    """Find (document, text) of the blocks in a language; an empty one is the shell."""
    return [
        (document, text)
        for document in DOCUMENTS
        for kind, text in BLOCK.findall((ROOT / document).read_text())
        if kind == language
    ]


def find_commands(document: str) -> list[list[str]]:
    """Find the words of every `ephyra` command in a document's shell blocks and code spans."""
    text = (ROOT / document).read_text()
    lines = [
        part.strip()
        for kind, block in BLOCK.findall(text)
        if kind in {"", "sh", "bash"}
        for line in block.splitlines()
        for part in line.partition(" #")[0].split("&&")
    ]
    lines += re.findall(r"`(ephyra [^`]+)`", BLOCK.sub("", text).replace("\n", " "))
    return [shlex.split(line)[1:] for line in lines if line.startswith("ephyra ")]


@pytest.mark.parametrize(("document", "snippet"), find_blocks("python"))
def test_python_runs(
    document: str, snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_labelled_set(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, document, "exec"), {"__name__": document})


@pytest.mark.parametrize(("document", "snippet"), find_blocks("toml"))
def test_toml_is_valid(document: str, snippet: str) -> None:
    assert tomllib.loads(snippet), document


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_of_a_command_is_there(document: str) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, *words in find_commands(document):
        if name.startswith("-"):
            continue
        known = {option for item in commands[name].params for option in item.opts} | {"--help"}
        named = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert named <= known, (name, named - known)


def test_readme_commands_run_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_labelled_set(tmp_path / "photos" / "jellyfish")
    done = []
    for name, *words in find_commands("README.md"):
        if name not in OFFLINE or name in done or "--weights" in words:
            continue
        said = ephyra(name, *(word.replace("~", str(tmp_path)) for word in words))
        assert said.code == 0, (name, words, said)
        done.append(name)
        if name == "init":
            monkeypatch.chdir(tmp_path / words[0])
    assert set(done) == OFFLINE
