"""Every option of every provider is documented, for users and beside the code, and no other."""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from collectors.candidate import Provider
from collectors.fetch.fetched import FetchSettings
from collectors.providers import KINDS, build_provider
from data_registry.errors import ProviderError

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "providers.md").read_text()
_HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| .+ \|$", re.MULTILINE)
_NOT_OPTIONS = frozenset({"fetch", "name"})  # the project's limits; what every kind takes


def sections() -> dict[str, str]:
    """Read the text about each kind, by its name."""
    _, *parts = _HEADING.split(PAGE)
    return {
        kind: text
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
        for kind in re.findall(r"`(\w+)`", heading)
    }


def options(make: Callable[..., Provider]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(make).parameters
    return {name: found for name, found in parameters.items() if name not in _NOT_OPTIONS}


def written(default: object) -> str:
    """Format a default as the page has it: in TOML, where TOML can express it."""
    if default is inspect.Parameter.empty:
        return "required"
    return "none" if default is None else f"`{json.dumps(default)}`"


def test_the_page_knows_every_kind_and_no_other() -> None:
    assert set(sections()) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_knows_every_option_and_its_default(kind: str) -> None:
    told = dict(_ROW.findall(sections()[kind].partition("\n## ")[0]))
    expected = {name: written(found.default) for name, found in options(KINDS[kind]).items()}
    assert told == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_is_documented_beside_the_code(kind: str) -> None:
    make = KINDS[kind]
    assert isinstance(make, type)
    documented = " ".join(inspect.cleandoc(base.__doc__ or "") for base in make.__mro__)
    attributes = documented.partition("Attributes:")[2]
    missing = [name for name in options(make) if not re.search(rf"\b{name}\b[,:]", attributes)]
    assert missing == []


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("openverse", {"per_minute": 1e-9}, "expected a number of at least 0.000001"),
        ("folder", {"path": "photos", "name": " "}, "has an empty name; expected a word"),
    ],
)
def test_options_that_nothing_can_come_of(kind: str, given: dict[str, object], words: str) -> None:
    with pytest.raises(ProviderError, match=words):
        build_provider(kind, given, FetchSettings())


def test_a_path_with_a_nul(tmp_path: Path) -> None:
    provider = build_provider("urls", {"path": f"{tmp_path}/a\0.csv"}, FetchSettings())
    with pytest.raises(ProviderError, match="cannot be read: embedded null byte"):
        list(provider.candidates([]))


def test_every_kind_s_name_is_its_kind() -> None:
    names: Mapping[str, object] = {
        kind: inspect.signature(make).parameters["name"].default for kind, make in KINDS.items()
    }
    assert names == {kind: kind for kind in KINDS}
