"""What the documentation says is there, and what is there is documented."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli import app

ROOT = Path(__file__).resolve().parents[1]
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


@pytest.mark.parametrize("package", ["data_registry", "collectors", "train", "labeling", "flows"])
def test_every_package_and_sub_package_is_on_the_map(package: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    title = f"**`{package}`**"
    assert title in text
    table = text.split(title)[1].split("\n\n")[1]
    parts = {part.parent.name for part in (ROOT / package).glob("*/__init__.py")}
    assert parts - set(re.findall(r"`(\w+)`", table)) == set()


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("file", ["constraints.txt", "pyproject.toml"])
def test_no_registry_address_is_written_down(file: str) -> None:
    assert not re.search(
        r"https?://(?!127\.0\.0\.1)|index-url|find-links", (ROOT / file).read_text()
    )
