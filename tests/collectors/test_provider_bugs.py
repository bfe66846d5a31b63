"""A bug in a provider, which any package may add, ends with its name and not with a traceback."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from loopback import LoopbackServer
from pictures import jpeg

from collectors.candidate import Candidate, Search, SearchProvider
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from data_registry import Registry
from data_registry.errors import ProviderError
from data_registry.images.records import Source

SETTINGS = CollectSettings(fetch=FetchSettings(allow_loopback=True, heed_robots_txt=False))


class Broken:
    """Gives a good candidate, and then whatever the test wants."""

    name = "broken"

    def __init__(self, url: str, then: Callable[[], object]) -> None:
        self.url, self.then = url, then

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        yield Candidate(Source(self.name, self.url, "moon"))
        yield self.then()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (lambda: {}["hits"], "KeyError: 'hits'"),
        (lambda: "http://example.org/a.jpg", "it yielded 'http://example.org/a.jpg'; expected a C"),
        (lambda: Candidate("a.jpg"), "expected a Candidate with a Source"),  # type: ignore[arg-type]
        (
            lambda: Candidate(Source("broken", "http://a", "moon", licence=None)),  # type: ignore[arg-type]
            "a Source with licence = None; expected text",
        ),
    ],
)
def test_a_bug_is_named(
    registry: Registry, server: LoopbackServer, then: Callable[[], object], words: str
) -> None:
    provider = Broken(server.put("/a.jpg", jpeg()), then)
    with pytest.raises(ProviderError, match="the provider 'broken' failed: ") as caught:
        collect(registry, provider, ["moon"], SETTINGS)
    assert words in str(caught.value)
    assert "Tell the author" in str(caught.value)
    assert len(registry.find_known_images()) == 1  # what came before the bug is kept


class BrokenSearch(SearchProvider):
    """Fails for one of its queries, or as a whole."""

    name = "broken"

    def __init__(self, url: str, opens: bool = True) -> None:
        self.url, self.opens = url, opens

    @contextmanager
    def searching(self) -> Iterator[Search]:
        if not self.opens:
            raise KeyError("token")
        yield self.search

    def search(self, query: str) -> Iterator[Candidate]:
        if query == "sun":
            raise AttributeError("no hits")
        for number in range(30):
            yield Candidate(Source(self.name, f"{self.url}?{number}", query))


def test_a_bug_in_one_query_ends_that_query(registry: Registry, server: LoopbackServer) -> None:
    provider = BrokenSearch(server.put("/a.jpg", jpeg()))
    summary = collect(registry, provider, ["sun", "moon"], SETTINGS)
    assert summary.outcomes["stored"] == 1
    assert "AttributeError: no hits" in summary.failed_queries["sun"]


def test_a_search_that_cannot_be_opened(registry: Registry) -> None:
    with pytest.raises(ProviderError, match="the provider 'broken' failed: KeyError: 'token'"):
        collect(registry, BrokenSearch("http://a", opens=False), ["moon"], SETTINGS)
