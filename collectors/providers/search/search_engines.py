"""Image searches of Bing, Google and Baidu: icrawler's feeders and parsers, our fetcher.

icrawler knows the addresses of result pages and where images stand in them; the pages themselves
are asked for by Ephyra's fetcher, like everything else: guarded, slowly, under our own name. The
engines' robots.txt keeps crawlers out of their result pages, so that by default nothing is asked;
what it means to ask all the same is said in docs/search-engines.md. They state no licences.
"""

import logging
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import quote_plus, urlsplit

from collectors.candidate import Candidate, Search, SearchProvider
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.outcomes import Outcome
from collectors.providers.search.result_pages import (
    Results,
    StatedFacts,
    complete_addresses,
    read_baidu_page,
    read_bing_page,
    read_google_page,
)
from data_registry.errors import ProviderError
from data_registry.images.records import Source

_log = logging.getLogger(__name__)

_DEEPEST = 1000  # results; the engines repeat themselves beyond
_MOST_BYTES = 5_000_000  # of a result page; they have some hundred thousand
_LONG_RUN = re.compile(rb"[^\[\n]{1000}")


@dataclass
class _Session:
    """What came of the queries so far: whether anything was found, and a first page without it."""

    found: bool = False
    empty_page: str = ""


@dataclass(frozen=True)
class SearchEngineProvider(SearchProvider):
    """Gives what an engine's result pages name for each query.

    Attributes:
        limit: candidates taken at most for each query; 1,000 is the engines' own limit.
        heed_robots_txt: whether the engine's robots.txt is obeyed, which keeps us out of its result
            pages. Images are fetched by their own hosts' robots.txt either way.
        per_minute: result pages asked for.
        base: another address of the engine; empty: its own.
        fetch: limits and contact.
    """

    limit: int = 200
    heed_robots_txt: bool = True
    per_minute: float = 10
    base: str = ""
    fetch: FetchSettings = field(default_factory=FetchSettings)

    title: ClassVar[str]

    @contextmanager
    def searching(self) -> Iterator[Search]:
        """One fetcher for all queries, so that together they ask no more often than allowed.

        Raises:
            ProviderError: no query at all brought anything.
        """
        # whatever the project says of image hosts, this provider's own word decides here
        heeding = replace(self.fetch, heed_robots_txt=True)
        settings = heeding if self.heed_robots_txt else self.fetch.by_own_terms()
        per_second = min(self.per_minute / 60, settings.requests_per_second)
        session = _Session()
        settings = replace(
            settings,
            requests_per_second=per_second,
            burst=1,
            max_bytes=_MOST_BYTES,
            patient=True,
        )
        with Fetcher(settings) as fetcher:
            yield lambda query: islice(self._results(fetcher, session, query), self.limit)
        if session.empty_page and not session.found:
            raise self._build_empty_error(session.empty_page)

    def _results(self, fetcher: Fetcher, session: "_Session", query: str) -> Iterator[Candidate]:
        seen: set[str] = set()
        for url in self._list_page_urls(query):
            page = self._get(fetcher, url)
            stated = self._read_facts(page)
            found = complete_addresses(self._parse_addresses(page), stated)
            new = [each for each in found if each not in seen]
            if not new:
                session.empty_page = session.empty_page or ("" if seen else url)
                return
            for address in new:
                seen.add(address)
                session.found = True
                told = stated.get(address, StatedFacts())
                source = Source(
                    provider=self.name, url=address, query=query, page_url=told.page_url
                )
                yield Candidate(source, None, told.width, told.height)

    def _list_page_urls(self, query: str) -> Iterator[str]:
        """Addresses of the result pages, as icrawler's feeder writes them."""
        feeder, _ = self._load_icrawler()
        waiting: SimpleQueue[str] = SimpleQueue()
        feeder = feeder(1, None, None)
        feeder.out_queue = waiting
        feeder.feed(
            keyword=self._format_keyword(query), offset=0, max_num=min(self.limit, _DEEPEST)
        )
        while not waiting.empty():
            yield self._replace_base(waiting.get())

    def _replace_base(self, url: str) -> str:
        parts, base = urlsplit(url), urlsplit(self.base)
        return parts._replace(scheme=base.scheme, netloc=base.netloc).geturl() if base[1] else url

    def _get(self, fetcher: Fetcher, url: str) -> bytes:
        answer = fetcher.fetch(url)
        if answer.failure == Outcome.REFUSED_ROBOTS:
            raise ProviderError(
                f"{self.title}'s robots.txt keeps crawlers out of its result pages ({url}), so "
                "nothing was asked. openverse, wikimedia and inaturalist may be asked and state "
                f"licences; to ask {self.title} all the same, on your own judgement, set "
                f"heed_robots_txt = false for this provider (see docs/search-engines.md)"
            )
        if answer.failure is not None:
            raise ProviderError(
                f"{self.title} at {url} does not answer: {answer.failure} ({answer.detail}). Give "
                "the same command again later, or another provider"
            )
        return answer.data

    def _parse_addresses(self, page: bytes) -> list[str]:
        """Addresses of images, as icrawler's parser finds them; none on a page of another kind."""
        _, parser = self._load_icrawler()
        try:
            found: Iterable[Mapping[str, str]] = (
                parser(1, None, None).parse(SimpleNamespace(content=self._prepare_page(page))) or ()
            )
            return [each["file_url"] for each in found]
        except Exception as error:  # the parsers fail in their own ways on another kind of page
            _log.warning("%s: a result page of another kind: %r", self.title, error)
            return []

    def _prepare_page(self, page: bytes) -> bytes:
        """The page with an end to what icrawler's expressions would else read on and on for."""
        return _LONG_RUN.sub(lambda run: run[0] + b"\n[", page)

    def _build_empty_error(self, url: str) -> ProviderError:
        return ProviderError(
            f"{self.title} names no image for any query, for example at {url}: it asks for "
            "consent, takes us for a robot, or has changed its pages. Look at it in a browser; "
            "openverse, wikimedia and inaturalist are made to be asked"
        )

    @abstractmethod
    def _load_icrawler(self) -> tuple[Any, Any]:
        """icrawler's feeder and parser, loaded only when they are needed."""

    @abstractmethod
    def _format_keyword(self, query: str) -> str:
        """The query as the feeder wants it: two of them put it into the URL as it is."""

    @abstractmethod
    def _read_facts(self, page: bytes) -> Results:
        """What the result page states of its images."""


@dataclass(frozen=True)
class BingProvider(SearchEngineProvider):
    """Bing's image search."""

    title: ClassVar[str] = "Bing"
    name: str = "bing"

    def _load_icrawler(self) -> tuple[Any, Any]:
        from icrawler.builtin.bing import BingFeeder, BingParser

        return BingFeeder, BingParser

    def _format_keyword(self, query: str) -> str:
        return quote_plus(query)

    def _read_facts(self, page: bytes) -> Results:
        return read_bing_page(page)


@dataclass(frozen=True)
class GoogleProvider(SearchEngineProvider):
    """Google's image search."""

    title: ClassVar[str] = "Google"
    name: str = "google"

    def _load_icrawler(self) -> tuple[Any, Any]:
        from icrawler.builtin.google import GoogleFeeder, GoogleParser

        return GoogleFeeder, GoogleParser

    def _format_keyword(self, query: str) -> str:
        return query

    def _read_facts(self, page: bytes) -> Results:
        return read_google_page(page)


@dataclass(frozen=True)
class BaiduProvider(SearchEngineProvider):
    """Baidu's image search, which answers in JSON."""

    title: ClassVar[str] = "Baidu"
    name: str = "baidu"

    def _load_icrawler(self) -> tuple[Any, Any]:
        from icrawler.builtin.baidu import BaiduFeeder, BaiduParser

        return BaiduFeeder, BaiduParser

    def _format_keyword(self, query: str) -> str:
        return quote_plus(query)

    def _prepare_page(self, page: bytes) -> bytes:
        return page  # it is JSON, and read as such

    def _read_facts(self, page: bytes) -> Results:
        _, parser = self._load_icrawler()
        return read_baidu_page(page, parser(1, None, None)._decode_url)
