"""A search over a fixed list of files for each query."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from collectors.candidate import Candidate, Search, SearchProvider
from data_registry.images.records import Source


class Catalogue(SearchProvider):
    """Gives the listed URLs of a query, and remembers how many of them were taken."""

    def __init__(self, urls: Mapping[str, Sequence[str]], name: str = "catalogue") -> None:
        self.name = name
        self.urls = urls
        self.taken: list[str] = []
        self.sessions = 0

    @contextmanager
    def searching(self) -> Iterator[Search]:
        self.sessions += 1
        yield self._hits

    def _hits(self, query: str) -> Iterator[Candidate]:
        for url in self.urls[query]:
            self.taken.append(query)
            yield Candidate(Source(provider=self.name, url=url, query=query))
