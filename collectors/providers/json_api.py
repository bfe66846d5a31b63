"""What providers that ask a JSON API have in common.

An API is asked one page after the other, no faster than it allows; whatever it answers is read
with care, because a changed API must end in a message and not in a traceback or in nothing:

    class Herbarium(JsonSearch):
        def _api(self) -> JsonApi:
            return JsonApi("the herbarium", self.fetch, per_minute=60)

        def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
            def read_hit(hit: Fields) -> Iterator[Candidate]:
                yield Candidate(Source("herbarium", hit.text("image"), query))

            for page in api.pages(first_url, lambda page: page.text("next")):
                yield from page.each("results", read_hit, required="image")

A result of another shape is left out and counted; an answer of another shape ends its query.
"""

import json
import math
import reprlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar

from collectors.candidate import Candidate, Search, SearchProvider
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.provider_problems import note_bad_record
from data_registry.errors import ProviderError
from data_registry.text.secrets import HIDDEN, hide_known_secret

_MOST_DIGITS = 18
_SHOWN = 80  # characters of an odd answer that an error message shows
_MOST_BYTES = 16_000_000  # of an answer; a page of iNaturalist has up to 12 million
_MOST_VALUES = 2_000_000  # in an answer: empty lists take some twenty times their three bytes
_MOST_IDLE = 50  # pages in a row that bring nothing; there are servers whose pages never end

T = TypeVar("T")


@dataclass
class _Tally:
    """Of the results of one search: those that were usable, and why the first was not."""

    good: int = 0
    bad: int = 0
    error: ProviderError | None = None

    def leave_out(self, error: ProviderError) -> None:
        self.bad += 1
        self.error = self.error or error
        note_bad_record(error)

    def require_one(self) -> None:
        """Raise ProviderError if there were results, and none was usable."""
        if self.error is not None and not self.good:
            raise self.error


@dataclass(frozen=True)
class Fields:
    """What an API answered, or a part of it.

    Attributes:
        value: decoded JSON; each method says what it expects it to be.
        url: the request, which error messages name.
    """

    value: Any
    url: str
    tally: _Tally = field(default_factory=_Tally, repr=False, compare=False)

    def text(self, key: str) -> str:
        """A text; empty where it is null or missing.

        Raises:
            ProviderError: it is something else.
        """
        value = self._get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong_shape(f"{key} = {_shorten(value)}", "text or null")
        # JSON may hold halves of characters, which no database and no URL takes
        return value.encode("utf-8", "replace").decode("utf-8")

    def number(self, key: str) -> int:
        """A whole number of at least 0, also one written as text; 0 where there is none."""
        value = self._get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:_MOST_DIGITS])
        return value if type(value) is int and value > 0 else 0

    def part(self, key: str) -> "Fields":
        """An object; an empty one where it is null, missing, or an empty list as PHP writes it."""
        return Fields(self._get(key) or {}, self.url, self.tally)

    def parts(self, key: str, required: str = "") -> list["Fields"]:
        """The objects of a list.

        Args:
            key: the list's name.
            required: what each object must have; empty: any object will do.

        Raises:
            ProviderError: there is no list, or one of its members is another thing.
        """
        return [self._check_object(each, required) for each in self.items(key)]

    def each(
        self, key: str, build: Callable[["Fields"], Iterable[T]], required: str = ""
    ) -> Iterator[T]:
        """What is made of each object of a list; those of another shape are left out and counted.

        Args:
            key: the list's name.
            build: what an object gives; a ProviderError means that it has another shape.
            required: what each object must have.

        Raises:
            ProviderError: there is no list.
        """
        for each in self.items(key):
            bad = self.tally.bad
            try:
                built = list(build(self._check_object(each, required)))
            except ProviderError as error:
                self.tally.leave_out(error)
                continue
            # an object whose own parts were all left out is no good one
            self.tally.good += bool(built) or self.tally.bad == bad
            yield from built

    def numbers(self, key: str, name: str) -> list[int]:
        """The numbers of this name that the objects of a list have."""
        parts = (Fields(each, self.url) for each in self.items(key) if isinstance(each, dict))
        return [part.number(name) for part in parts]

    def items(self, key: str) -> list[Any]:
        """A list, of whatever.

        Raises:
            ProviderError: there is none.
        """
        found = self.value.get(key) if isinstance(self.value, dict) else None
        if not isinstance(found, list):
            raise self.wrong_shape(_shorten(self.value), f"an object with a list `{key}`")
        return found

    def _check_object(self, value: Any, required: str) -> "Fields":
        lacks = isinstance(value, dict) and required and value.get(required) in (None, "")
        if lacks or not isinstance(value, dict):
            expected = f"an object with a `{required}`" if required else "an object"
            raise self.wrong_shape(f"a result {_shorten(value)}", expected)
        return Fields(value, self.url, self.tally)

    def _get(self, key: str) -> Any:
        if not isinstance(self.value, dict):
            raise self.wrong_shape(_shorten(self.value), f"an object with `{key}`")
        return self.value.get(key)

    def wrong_shape(self, found: str, expected: str) -> ProviderError:
        """The error for an answer that is not what the API's documentation says."""
        return _build_shape_error(self.url, found, expected)


class JsonApi:
    """Asks an API for pages; use it in a `with`.

    Args:
        what: how messages call it, for example ``the gallery``.
        fetch: limits and contact; the API is asked by its own terms.
        per_minute: requests that the API allows; never more than `fetch` allows.
        key: stands in URLs, and in no message.
    """

    def __init__(
        self, what: str, fetch: FetchSettings, per_minute: float = math.inf, key: str = ""
    ) -> None:
        self._what = what
        self._key = key
        # what an image may weigh says nothing of an answer
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
        """What the API answers to a request.

        Raises:
            ProviderError: it does not answer, or not in JSON.
        """
        answer = self._fetcher.fetch(url)
        url = self._hide_key(url)
        if answer.failure is not None:
            raise ProviderError(
                f"{self._what} at {url} does not answer: {answer.failure} "
                f"({self._hide_key(answer.detail)}). Check the address and that the server is "
                "running, then give the same command again"
            )
        data = answer.data
        if self._key:  # an API may repeat it, and messages show parts of an answer
            data = data.replace(self._key.encode(), HIDDEN.encode())
        values = sum(map(data.count, (b",", b"[", b"{")))
        if values > _MOST_VALUES:
            raise _build_shape_error(url, f"{values:,} values", f"at most {_MOST_VALUES:,}")
        try:
            return Fields(json.loads(data), url)
        except (ValueError, RecursionError) as error:
            raise _build_shape_error(url, f"{data[:40]!r}", "JSON") from error

    def _hide_key(self, text: str) -> str:
        """A text without the key."""
        return hide_known_secret(text, self._key)

    def _build_circle_error(self, url: str) -> ProviderError:
        return ProviderError(
            f"{self._hide_key(url)} comes again as the next page of itself; expected each page "
            f"once and none after the last. Tell the owner of {self._what}, or lower the limit"
        )

    def pages(self, url: str, following: Callable[[Fields], str]) -> Iterator[Fields]:
        """One page after the other, each asked for when it is needed.

        Args:
            url: the first page.
            following: the URL of the page after this one; empty after the last.

        Raises:
            ProviderError: see `ask`; or a page is its own successor, or no result of any page was
                usable, or there is no end to pages that bring nothing.
        """
        seen: set[str] = set()
        tally, idle = _Tally(), 0
        while url:
            seen.add(url)
            page, before = replace(self.ask(url), tally=tally), tally.good
            yield page
            idle = 0 if tally.good > before else idle + 1
            if idle >= _MOST_IDLE:
                raise _build_shape_error(
                    page.url, f"{idle} pages in a row without a result", "an end"
                )
            url = following(page)
            if url in seen:
                raise self._build_circle_error(url)
        tally.require_one()


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


def _build_shape_error(url: str, found: str, expected: str) -> ProviderError:
    return ProviderError(
        f"the answer of {url} has another shape: found {found}, expected {expected}. Check that "
        "the address is that of an image search of this kind"
    )


def _shorten(value: object) -> str:
    """The beginning of a value, which may be as large and as deeply nested as it likes."""
    text = value if isinstance(value, str) else _brief.repr(value)
    return repr(text[:_SHOWN])


_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _SHOWN
