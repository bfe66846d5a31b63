import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.providers import KINDS, build_provider
from collectors.providers.folder import FolderProvider
from data_registry.errors import ProviderError
from data_registry.images.records import Source

Install = Callable[..., None]

CODE = """
from collectors.candidate import Candidate
from data_registry.images.records import Source


class Herbarium:
    def __init__(self, country, fetch, leaves=2):
        self.name, self.country, self.fetch, self.leaves = "herbarium", country, fetch, leaves

    def candidates(self, queries):
        for query in queries:
            for number in range(self.leaves):
                url = f"http://host/{self.country}/{number}.jpg"
                yield Candidate(Source(self.name, url, query))


def plain():
    return "no provider"


number = 5
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package that offers providers, as an installer lays it out."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def offer(package: str, code: str, **points: str) -> None:
        (tmp_path / f"{package}.py").write_text(code)
        facts = tmp_path / f"{package}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{kind} = {package}:{place}" for kind, place in points.items()]
        (facts / "entry_points.txt").write_text("\n".join(["[ephyra.providers]", *lines, ""]))

    yield offer
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def error_of(kind: str, **options: object) -> str:
    with pytest.raises(ProviderError) as caught:
        build_provider(kind, options, FetchSettings())
    return str(caught.value)


def test_an_installed_package_adds_a_provider(install: Install) -> None:
    install("leafy", CODE, herbarium="Herbarium")
    fetch = FetchSettings(contact="ann@example.org")
    provider = build_provider("herbarium", {"country": "cl", "leaves": 1}, fetch)
    assert list(provider.candidates(["fern"])) == [
        Candidate(Source(provider="herbarium", url="http://host/cl/0.jpg", query="fern"))
    ]
    assert vars(provider)["fetch"] is fetch


def test_an_added_provider_may_take_any_options(install: Install) -> None:
    code = CODE.replace("country, fetch, leaves=2", "fetch, **options").replace(
        "country, fetch, leaves\n", "options['country'], fetch, 1\n"
    )
    install("leafy", code, herbarium="Herbarium")
    provider = build_provider("herbarium", {"country": "cl"}, FetchSettings())
    assert [each.source.url for each in provider.candidates(["fern"])] == ["http://host/cl/0.jpg"]


def test_an_unknown_kind_names_what_there_is(install: Install) -> None:
    install("leafy", CODE, herbarium="Herbarium")
    said = error_of("herbarum")
    assert "there is no provider 'herbarum'" in said
    assert all(kind in said for kind in ["herbarium", *KINDS])


def test_the_options_of_an_added_provider_are_checked(install: Install) -> None:
    install("leafy", CODE, herbarium="Herbarium")
    assert "It takes: country, leaves" in error_of("herbarium", land="cl")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("Fern", "cannot be loaded from leafy:Fern: AttributeError"),
        ("number", "leafy:number, which cannot be called"),
        ("plain", "returned str; expected an object with a `name`"),
    ],
)
def test_added_providers_that_are_broken(install: Install, place: str, said: str) -> None:
    install("leafy", CODE, herbarium=place)
    assert said in error_of("herbarium")


def test_a_package_that_cannot_be_imported(install: Install) -> None:
    install("thorny", "1 / 0", herbarium="Herbarium")
    assert "ZeroDivisionError: division by zero" in error_of("herbarium")


def test_one_name_offered_twice(install: Install) -> None:
    install("leafy", CODE, herbarium="Herbarium")
    install("mossy", CODE, herbarium="Herbarium")
    said = error_of("herbarium")
    assert "leafy:Herbarium, mossy:Herbarium" in said


def test_a_package_takes_no_name_of_ours(install: Install) -> None:
    install("leafy", CODE, folder="Herbarium")
    assert isinstance(build_provider("folder", {"path": "p"}, FetchSettings()), FolderProvider)
