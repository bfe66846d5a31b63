"""Query a JSON API: the base of providers that do.

Pages are requested one after the other, no faster than the API allows. Answers are read with care:
a changed API must lead to a message, not to a traceback or to nothing:

    class Herbarium(JsonSearch):
        def _api(self) -> JsonApi:
            return JsonApi("the herbarium", self.fetch, per_minute=60)

        def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
            def read_hit(hit: Fields) -> Iterator[Candidate]:
                yield Candidate(Source("herbarium", hit.text("image"), query))

            for page in api.pages(first_url, lambda page: page.text("next")):
                yield from page.each("results", read_hit, required="image")

A malformed result is left out and counted; a malformed answer ends its query.
"""

import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from types import TracebackType

from collectors.candidate import Candidate, Search, SearchProvider
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.providers.json_fields import Fields, Tally, build_shape_error
from data_registry.errors import ProviderError
from data_registry.text.secrets import HIDDEN, hide_known_secret

__all__ = ["Fields", "JsonApi", "JsonSearch"]

_MOST_BYTES = 16_000_000  # of an answer; a page of iNaturalist has up to 12 million
_MOST_VALUES = 2_000_000  # in an answer: empty lists take about twenty times their three bytes
_MOST_IDLE = 50  # pages in a row without a result; some servers' pages never end


class JsonApi:
    """Requests pages from an API; use it in a `with`.

    Args:
        what: its name in messages, for example ``the gallery``.
        fetch: limits and contact; the API's own terms of use apply.
        per_minute: maximum requests in a minute; never more than `fetch` allows.
        key: part of URLs; hidden in messages.
    """

    def __init__(
        self, what: str, fetch: FetchSettings, per_minute: float = math.inf, key: str = ""
    ) -> None:
        self._what = what
        self._key = key
        # the size limit of images does not apply to answers
        settings = replace(fetch.by_own_terms(), max_bytes=_MOST_BYTES)
        if per_minute / 60 < fetch.requests_per_second:
            settings = replace(settings, requests_per_second=per_minute / 60, burst=1)
        self._fetcher = Fetcher(settings)

    def __enter__(self) -> "JsonApi":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._fetcher.close()

    def ask(self, url: str) -> Fields:
        """Request a URL and return the decoded answer.

        Raises:
            ProviderError: it does not answer, or not in JSON.
        """
        answer = self._fetcher.fetch(url)
        url = self._hide_key(url)
        if answer.failure is not None:
            raise ProviderError(
                f"{self._what} at {url} does not answer: {answer.failure} "
                f"({self._hide_key(answer.detail)}). Check the address and that the server is "
                "running, then run the same command again"
            )
        data = answer.data
        if self._key:  # an API may repeat it, and messages quote parts of an answer
            data = data.replace(self._key.encode(), HIDDEN.encode())
        values = sum(map(data.count, (b",", b"[", b"{")))
        if values > _MOST_VALUES:
            raise build_shape_error(url, f"{values:,} values", f"at most {_MOST_VALUES:,}")
        try:
            return Fields(json.loads(data), url)
        except (ValueError, RecursionError) as error:
            raise build_shape_error(url, f"{data[:40]!r}", "JSON") from error

    def _hide_key(self, text: str) -> str:
        """Remove the key from a text."""
        return hide_known_secret(text, self._key)

    def _build_circle_error(self, url: str) -> ProviderError:
        return ProviderError(
            f"{self._hide_key(url)} comes again as the next page of itself; expected each page "
            f"once and none after the last. Tell the owner of {self._what}, or lower the limit"
        )

    def pages(self, url: str, following: Callable[[Fields], str]) -> Iterator[Fields]:
        """Yield one page after the other, each requested when it is needed.

        Args:
            url: the first page.
            following: the URL of the page after this one; empty after the last.

        Raises:
            ProviderError: see `ask`; or a page is its own successor, or no result of any page was
                usable, or there is no end to pages that bring nothing.
        """
        seen: set[str] = set()
        tally, idle = Tally(), 0
        while url:
            seen.add(url)
            page, before = replace(self.ask(url), tally=tally), tally.good
            yield page
            idle = 0 if tally.good > before else idle + 1
            if idle >= _MOST_IDLE:
                raise build_shape_error(
                    page.url, f"{idle} pages in a row without a result", "an end"
                )
            url = following(page)
            if url in seen:
                raise self._build_circle_error(url)
        tally.require_one()


class JsonSearch(SearchProvider):
    """A provider that searches through a JSON API.

    Attributes:
        limit: maximum candidates for each query.
    """

    limit: int

    @contextmanager
    def searching(self) -> Iterator[Search]:
        """Open one API for all queries, so that they share its rate limit."""
        with self._api() as api:
            yield lambda query: islice(self._results(api, query), self.limit)

    @abstractmethod
    def _api(self) -> JsonApi:
        """Build the API; nothing is requested yet."""

    @abstractmethod
    def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
        """Yield the candidates of a query, page by page."""
