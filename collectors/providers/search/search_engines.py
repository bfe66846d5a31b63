"""Image searches of Bing, Google and Baidu by icrawler's feeders and parsers and our fetcher.

icrawler knows the addresses of result pages and where images are in them; Ephyra's fetcher requests
the pages like everything else: guarded, slowly, under our own name. The engines' robots.txt keeps
crawlers out of their result pages, so by default nothing is requested; docs/search-engines.md
explains what it means to do so all the same. They state no licences.
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
    """Whether any query found an image, and a first page without one."""

    found: bool = False
    empty_page: str = ""


@dataclass(frozen=True)
class SearchEngineProvider(SearchProvider):
    """Yields the images on an engine's result pages for each query.

    Attributes:
        limit: maximum candidates for each query; 1,000 is the engines' own limit.
        heed_robots_txt: whether the engine's robots.txt is obeyed, which keeps us out of its result
            pages. The robots.txt of the images' own hosts is obeyed either way.
        per_minute: maximum result pages in a minute.
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
        """Open one fetcher for all queries, so that they share the rate limit.

        Raises:
            ProviderError: no query found an image.
        """
        # this provider's own option decides here, whatever the project sets for image hosts
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
            addresses = complete_addresses(self._parse_addresses(page), stated)
            new = [each for each in addresses if each not in seen]
            if not new:
                session.empty_page = session.empty_page or ("" if seen else url)
                return
            for address in new:
                seen.add(address)
                session.found = True
                facts = stated.get(address, StatedFacts())
                source = Source(
                    provider=self.name, url=address, query=query, page_url=facts.page_url
                )
                yield Candidate(source, None, facts.width, facts.height)

    def _list_page_urls(self, query: str) -> Iterator[str]:
        """List the addresses of the result pages, as icrawler's feeder writes them."""
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
                f"{self.title} at {url} does not answer: {answer.failure} ({answer.detail}). Run "
                "the same command again later, or use another provider"
            )
        return answer.data

    def _parse_addresses(self, page: bytes) -> list[str]:
        """Parse the addresses of images with icrawler's parser; none on a page of another kind."""
        _, parser = self._load_icrawler()
        try:
            images: Iterable[Mapping[str, str]] = (
                parser(1, None, None).parse(SimpleNamespace(content=self._prepare_page(page))) or ()
            )
            return [each["file_url"] for each in images]
        except Exception as error:  # the parsers fail in their own ways on another kind of page
            _log.warning("%s: a result page of another kind: %r", self.title, error)
            return []

    def _prepare_page(self, page: bytes) -> bytes:
        """Break long runs, on which icrawler's expressions would take forever."""
        return _LONG_RUN.sub(lambda run: run[0] + b"\n[", page)

    def _build_empty_error(self, url: str) -> ProviderError:
        return ProviderError(
            f"{self.title} shows no image for any query, for example at {url}: it asks for "
            "consent, takes us for a robot, or has changed its pages. Open it in a browser; "
            "openverse, wikimedia and inaturalist have public interfaces"
        )

    @abstractmethod
    def _load_icrawler(self) -> tuple[Any, Any]:
        """Load icrawler's feeder and parser; only when they are needed."""

    @abstractmethod
    def _format_keyword(self, query: str) -> str:
        """Format the query for the feeder: two feeders put it into the URL unchanged."""

    @abstractmethod
    def _read_facts(self, page: bytes) -> Results:
        """Read the facts that the result page states about its images."""


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
