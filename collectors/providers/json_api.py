"""What providers that ask a JSON API have in common.

An API is asked one page after the other, no faster than it allows; whatever it answers is read
with care, because a changed API must end in a message and not in a traceback or in nothing:

    class Herbarium(JsonSearch):
        def _api(self) -> JsonApi:
            return JsonApi("the herbarium", self.fetch, per_minute=60)

        def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
            for page in api.pages(first_url, lambda page: page.text("next")):
                for hit in page.parts("results", required="image"):
                    yield Candidate(Source("herbarium", hit.text("image"), query))
"""

import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType
from typing import Any

from collectors.candidate import Candidate, Search, SearchProvider
from collectors.fetched import FetchSettings
from collectors.fetcher import Fetcher
from data_registry.errors import ProviderError

_MOST_DIGITS = 18
_SHOWN = 80  # characters of an odd answer that an error message shows


@dataclass(frozen=True)
class Fields:
    """What an API answered, or a part of it.

    Attributes:
        value: decoded JSON; each method says what it expects it to be.
        url: the request, which error messages name.
    """

    value: Any
    url: str

    def text(self, key: str) -> str:
        """A text; empty where it is null or missing.

        Raises:
            ProviderError: it is something else.
        """
        value = self._get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong_shape(f"{key} = {_shown(value)}", "text or null")
        return value

    def number(self, key: str) -> int:
        """A whole number of at least 0, also one written as text; 0 where there is none."""
        value = self._get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:_MOST_DIGITS])
        return value if type(value) is int and value > 0 else 0

    def part(self, key: str) -> "Fields":
        """An object; an empty one where it is null, missing, or an empty list as PHP writes it."""
        return Fields(self._get(key) or {}, self.url)

    def parts(self, key: str, required: str = "") -> list["Fields"]:
        """The objects of a list.

        Args:
            key: the list's name.
            required: what each object must have; empty: any object will do.

        Raises:
            ProviderError: there is no list, or one of its members is another thing.
        """
        found = self.value.get(key) if isinstance(self.value, dict) else None
        if not isinstance(found, list):
            raise self.wrong_shape(_shown(self.value), f"an object with a list `{key}`")
        for each in found:
            lacks = isinstance(each, dict) and required and each.get(required) in (None, "")
            if lacks or not isinstance(each, dict):
                expected = f"an object with a `{required}`" if required else "an object"
                raise self.wrong_shape(f"a result {_shown(each)}", expected)
        return [Fields(each, self.url) for each in found]

    def _get(self, key: str) -> Any:
        if not isinstance(self.value, dict):
            raise self.wrong_shape(_shown(self.value), f"an object with `{key}`")
        return self.value.get(key)

    def wrong_shape(self, found: str, expected: str) -> ProviderError:
        """The error for an answer that is not what the API's documentation says."""
        return _wrong_shape(self.url, found, expected)


class JsonApi:
    """Asks an API for pages; use it in a `with`.

    Args:
        what: how messages call it, for example ``the gallery``.
        fetch: limits and contact; the API is asked by its own terms.
        per_minute: requests that the API allows; never more than `fetch` allows.
    """

    def __init__(self, what: str, fetch: FetchSettings, per_minute: float = math.inf) -> None:
        self._what = what
        settings = fetch.by_own_terms()
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
        """What the API answers to a request.

        Raises:
            ProviderError: it does not answer, or not in JSON.
        """
        answer = self._fetcher.fetch(url)
        if answer.failure is not None:
            raise ProviderError(
                f"{self._what} at {url} does not answer: {answer.failure} ({answer.detail}). Check "
                "the address and that the server is running, then give the same command again"
            )
        try:
            return Fields(json.loads(answer.data), url)
        except (ValueError, RecursionError) as error:
            raise _wrong_shape(url, f"{answer.data[:40]!r}", "JSON") from error

    def pages(self, url: str, following: Callable[[Fields], str]) -> Iterator[Fields]:
        """One page after the other, each asked for when it is needed.

        Args:
            url: the first page.
            following: the URL of the page after this one; empty after the last.

        Raises:
            ProviderError: see `ask`; or a page is its own successor.
        """
        seen: set[str] = set()
        while url:
            seen.add(url)
            page = self.ask(url)
            yield page
            url = following(page)
            if url in seen:
                raise ProviderError(
                    f"{url} comes again as the next page of itself; expected each page once and "
                    f"none after the last. Tell the owner of {self._what}, or lower the limit"
                )


class JsonSearch(SearchProvider):
    """A provider that searches through a JSON API.

    Attributes:
        limit: candidates taken at most for each query.
    """

    limit: int

    @contextmanager
    def searching(self) -> Iterator[Search]:
        """One API for all queries, so that together they ask no more often than it allows."""
        with self._api() as api:
            yield lambda query: islice(self._results(api, query), self.limit)

    @abstractmethod
    def _api(self) -> JsonApi:
        """The API, not asked yet."""

    @abstractmethod
    def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
        """What it finds for a query, asked for page by page."""


def _wrong_shape(url: str, found: str, expected: str) -> ProviderError:
    return ProviderError(
        f"the answer of {url} has another shape: found {found}, expected {expected}. Check that "
        "the address is that of an image search of this kind"
    )


def _shown(value: object) -> str:
    return repr(str(value)[:_SHOWN])
