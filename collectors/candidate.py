"""What a provider gives, and the one small interface that every provider follows.

To add a provider, write a class with a `name` and a method `candidates`; one that can search
takes `SearchProvider` as its base and has a method `searching` instead, so that a collection can
ask its queries in turns and drop those that bring nothing new:

    class Herbarium(SearchProvider):
        def __init__(self, country: str, fetch: FetchSettings) -> None:
            self.name = "herbarium"
            ...

        @contextmanager
        def searching(self) -> Iterator[Search]:
            with my_session() as session:
                yield partial(self._hits, session)

        def _hits(self, session: Session, query: str) -> Iterator[Candidate]:
            for hit in session.search(query):
                source = Source(self.name, hit.image_url, query, licence=hit.licence)
                yield Candidate(source)

and let your package offer it, in its `pyproject.toml`:

    [project.entry-points."ephyra.providers"]
    herbarium = "my_package.herbarium:Herbarium"

From then on a project file may say

    [[collect.providers]]
    kind = "herbarium"
    country = "Chile"

The entry point is called with the further keys of that table by name, and with `fetch`, the
project's limits and contact, if it has a parameter of that name. `collectors.providers.json_api`
has what providers that ask a JSON API need. Everything after that (fetching, limits, licences,
checks, rows, resuming) is done by `collect`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from collectors.provider_problems import search_each
from data_registry.images.records import Source


@dataclass(frozen=True)
class Candidate:
    """An image that might be collected.

    Attributes:
        source: where it is and what is said of it; (query, url) name the candidate within its
            provider, in this run and in every later one.
        path: the file on this machine, for candidates that need no fetching; a member of an
            archive stands in for one.
        native_width, native_height: size in pixels as the provider states it; 0 if it does not.
    """

    source: Source
    path: Path | None = None
    native_width: int = 0
    native_height: int = 0


class Provider(Protocol):
    """A place that has images."""

    @property
    def name(self) -> str:
        """Short and unchanging: resuming and the sources in the registry go by it."""

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Candidates for the queries, lazily and in the same order every time.

        Args:
            queries: search terms; a provider that cannot search gives all it has.

        Raises:
            ProviderError: the place cannot be read, or what it says has the wrong shape.
        """


Search = Callable[[str], Iterator[Candidate]]  # the candidates of one query, best first


class SearchProvider(ABC):
    """A provider whose queries can be asked one by one, in any order and each only in part."""

    name: str

    @abstractmethod
    def searching(self) -> AbstractContextManager[Search]:
        """What all queries share, such as a connection and how often it may be used.

        The search it gives raises ProviderError where the place cannot be asked, or answers in
        another shape than expected.
        """

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """All that is found for one query after the other; see `Provider.candidates`.

        Raises:
            ProviderError: no query at all could be asked to its end.
        """
        with self.searching() as search:
            yield from search_each(queries, search)
