"""Candidates, and the interface of providers.

To add a provider, write a class with a `name` and a method `candidates`; one that can search
derives from `SearchProvider` and has a method `searching` instead, so that a collection can take
turns between queries and stop those that yield nothing new:

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

and register it in your package's `pyproject.toml`:

    [project.entry-points."ephyra.providers"]
    herbarium = "my_package.herbarium:Herbarium"

A project file can then contain

    [[collect.providers]]
    kind = "herbarium"
    country = "Chile"

The entry point is called with the other keys of that table as keyword arguments, and with
`fetch`, the project's limits and contact, if it has a parameter of that name.
`collectors.providers.json_api` helps providers that query a JSON API. `collect` does everything
else: fetching, limits, licences, checks, rows, resuming.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from collectors.provider_problems import search_each
from data_registry.errors import EphyraError, ProviderError
from data_registry.images.records import Source

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """An image that might be collected.

    Attributes:
        source: its URL, licence and creator; (query, url) identify the candidate within its
            provider, in this run and in every later one.
        path: the local file, for candidates that are not fetched; it may be a member of an archive.
        native_width, native_height: size in pixels as stated by the provider; 0 if unknown.
    """

    source: Source
    path: Path | None = None
    native_width: int = 0
    native_height: int = 0


class Provider(Protocol):
    """Yields candidates."""

    @property
    def name(self) -> str:
        """Short and stable: resuming and the registry's sources depend on it."""

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Candidates for the queries, lazily and in the same order every time.

        Args:
            queries: search terms; a provider that cannot search yields everything.

        Raises:
            ProviderError: the provider cannot be read, or its answer has the wrong shape.
        """


@runtime_checkable
class LocalSource(Protocol):
    """A provider that can tell without a network that it has nothing to give.

    `ephyra check` asks it, and the provider itself before it gives candidates.
    """

    def require_source(self) -> None:
        """Refuse a file, folder or setting that gives no candidates; quick, whatever its size.

        Raises:
            ProviderError: what was found instead.
        """


Search = Callable[[str], Iterator[Candidate]]  # the candidates of one query, best first


class SearchProvider(ABC):
    """A provider that can be searched query by query, in any order and each only in part."""

    name: str

    @abstractmethod
    def searching(self) -> AbstractContextManager[Search]:
        """Open what all queries share, such as a connection and its rate limit.

        The search that it yields raises ProviderError if the provider does not answer, or if its
        answer does not have the expected shape.
        """

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Search for one query after the other; see `Provider.candidates`.

        Raises:
            ProviderError: no query could be completed.
        """
        with self.searching() as search:
            yield from search_each(queries, search)


def read_candidates(
    provider: str, candidates: Callable[[], Iterable[Candidate]]
) -> Iterator[Candidate]:
    """Yield a provider's candidates; a bug in it ends with an error that names it.

    Args:
        provider: its name.
        candidates: starts the provider.

    Raises:
        ProviderError: the provider raised it, or has a bug.
    """
    with name_bugs(provider):
        iterator = iter(candidates())
    try:
        while True:
            with name_bugs(provider):
                candidate = next(iterator, None)
                if candidate is not None:
                    _check_candidate(candidate)
            if candidate is None:
                return
            yield candidate
    finally:
        if isinstance(iterator, Generator):
            iterator.close()


@contextmanager
def name_bugs(provider: str) -> Iterator[None]:
    """Turn a bug of a provider, which may come from any package, into `ProviderError`."""
    try:
        yield
    except EphyraError:
        raise
    except Exception as error:
        _log.debug("the provider %s has a bug", provider, exc_info=True)
        raise ProviderError(
            f"the provider {provider!r} failed: {type(error).__name__}: {error}. Tell the author "
            "of the package that it comes from"
        ) from error


def _check_candidate(candidate: Candidate) -> None:
    if not isinstance(candidate, Candidate) or not isinstance(candidate.source, Source):
        raise TypeError(f"it yielded {str(candidate)[:80]!r}; expected a Candidate with a Source")
    for name, value in vars(candidate.source).items():
        if not isinstance(value, str):
            raise TypeError(f"it yielded a Source with {name} = {value!r}; expected text")
