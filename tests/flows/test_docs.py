"""What the documentation says is there, and what is there is documented."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert re.search(rf"ephyra {command}\b|`{command}`", README), command


def test_every_command_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"^ephyra (\w+)|`ephyra (\w+)", README, re.MULTILINE))
    assert {first or second for first, second in named} <= set(COMMANDS)


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    named = set(
        re.findall(r"`((?:data_registry|flows|labeling|train|collectors)/[\w/]+\.py)`", text)
    )
    named |= set(re.findall(r"\]\((?!http)([\w/.]+)\)", text))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("room", ["data_registry", "collectors", "train", "labeling", "flows"])
def test_every_room_is_on_the_map(room: str) -> None:
    assert f"| `{room}` |" in (ROOT / "ARCHITECTURE.md").read_text()


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("file", ["constraints.txt", "pyproject.toml"])
def test_no_registry_address_is_written_down(file: str) -> None:
    assert not re.search(
        r"https?://(?!127\.0\.0\.1)|index-url|find-links", (ROOT / file).read_text()
    )
