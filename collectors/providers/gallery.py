"""An image search over HTTP that answers in JSON, page by page.

    GET {base}/search?q=QUERY&page=N        (N counts from 1)
    {"query": "moon jellyfish", "total": 120, "page": 1,
     "results": [{"url": "/photos/1.jpg", "page_url": "/photos/1", "licence": "CC BY 4.0",
                  "licence_url": "https://…", "creator": "A. Diver", "title": "…",
                  "width": 640, "height": 480}],
     "next": "/search?q=moon+jellyfish&page=2"}

Of a result only `url` is required; `next` is null on the last page. URLs may be relative to the
page that names them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from collectors.candidate import Candidate
from collectors.fetched import FetchSettings
from collectors.fetcher import Fetcher
from collectors.http_rules import join_url
from data_registry.errors import ProviderError
from data_registry.records import Source

Json = Mapping[str, Any]


@dataclass(frozen=True)
class GalleryProvider:
    """Gives what the search finds for each query.

    Attributes:
        base: address of the gallery, without ``/search``.
        limit: candidates taken at most for each query.
        fetch: limits and contact for asking the gallery.
        name: what the sources call this provider.
    """

    base: str
    limit: int = 200
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "gallery"

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """The results for one query after the other.

        Raises:
            ProviderError: the gallery cannot be reached, or what it answers has another shape.
        """
        # X-Robots-Tag tells search engines to keep a page out; the search itself is ours to ask.
        with Fetcher(replace(self.fetch, refused_directives=frozenset())) as fetcher:
            for query in queries:
                yield from islice(self._results(fetcher, query), self.limit)

    def _results(self, fetcher: Fetcher, query: str) -> Iterator[Candidate]:
        page_url = f"{self.base.rstrip('/')}/search?{urlencode({'q': query, 'page': 1})}"
        seen: set[str] = set()
        while page_url:
            seen.add(page_url)
            page = _page(fetcher, page_url)
            for result in page["results"]:
                yield self._candidate(result, query, page_url)
            following = _text(page, "next", page_url)
            # a page without results is the end, whatever it says comes next
            page_url = join_url(page_url, following) if following and page["results"] else ""
            if page_url in seen:
                raise ProviderError(
                    f"{page_url} comes again as the next page of itself; expected `next` to be "
                    "null on the last page. Tell the gallery's owner, or lower the limit"
                )

    def _candidate(self, result: Any, query: str, page_url: str) -> Candidate:
        if not isinstance(result, dict) or not _text(result, "url", page_url):
            raise _wrong_shape(page_url, f"a result {str(result)[:80]!r}", "an object with a `url`")
        landing = _text(result, "page_url", page_url)
        source = Source(
            provider=self.name,
            url=join_url(page_url, result["url"]),
            query=query,
            page_url=join_url(page_url, landing) if landing else "",
            licence=_text(result, "licence", page_url),
            licence_url=_text(result, "licence_url", page_url),
            creator=_text(result, "creator", page_url),
        )
        return Candidate(source, None, _pixels(result, "width"), _pixels(result, "height"))


def _page(fetcher: Fetcher, url: str) -> Json:
    answer = fetcher.fetch(url)
    if answer.failure is not None:
        raise ProviderError(
            f"the gallery at {url} does not answer: {answer.failure} ({answer.detail}). Check the "
            "address and that the server is running, then give the same command again"
        )
    try:
        page = json.loads(answer.data)
    except (ValueError, RecursionError) as error:
        raise _wrong_shape(url, f"{answer.data[:40]!r}", "JSON") from error
    if not isinstance(page, dict) or not isinstance(page.get("results"), list):
        raise _wrong_shape(url, f"{str(page)[:80]!r}", "an object with a list `results`")
    return page


def _text(fields: Json, key: str, url: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong_shape(url, f"{key} = {str(value)[:80]!r}", "text or null")
    return value


def _pixels(fields: Json, key: str) -> int:
    value = fields.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def _wrong_shape(url: str, found: str, expected: str) -> ProviderError:
    return ProviderError(
        f"the answer of {url} has another shape: found {found}, expected {expected}. Check that "
        "the address is that of an image search of this kind"
    )
