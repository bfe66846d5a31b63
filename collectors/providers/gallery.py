"""An image search over HTTP that answers in pages of JSON.

    GET {base}/search?q=QUERY&page=N        (N counts from 1)
    {"query": "moon jellyfish", "total": 120, "page": 1,
     "results": [{"url": "/photos/1.jpg", "page_url": "/photos/1", "licence": "CC BY 4.0",
                  "licence_url": "https://…", "creator": "A. Diver", "title": "…",
                  "width": 640, "height": 480}],
     "next": "/search?q=moon+jellyfish&page=2"}

Of a result only `url` is required; `next` is null on the last page. URLs may be relative to their
page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.http_rules import join_url
from collectors.providers.json_api import Fields, JsonApi, JsonSearch
from data_registry.images.records import Source


@dataclass(frozen=True)
class GalleryProvider(JsonSearch):
    """Yields the results of each query.

    Attributes:
        base: address of the gallery, without ``/search``.
        limit: maximum candidates for each query.
        fetch: limits and contact.
        name: the provider's name in the sources.
    """

    base: str
    limit: int = 200
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "gallery"

    def _api(self) -> JsonApi:
        return JsonApi("the gallery", self.fetch)

    def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
        first = f"{self.base.rstrip('/')}/search?{urlencode({'q': query, 'page': 1})}"
        for page in api.pages(first, _get_next_url):
            yield from page.each(
                "results", lambda each: [self._build_candidate(each, query)], "url"
            )

    def _build_candidate(self, result: Fields, query: str) -> Candidate:
        landing = result.text("page_url")
        source = Source(
            provider=self.name,
            url=join_url(result.url, result.text("url")),
            query=query,
            page_url=join_url(result.url, landing) if landing else "",
            licence=result.text("licence"),
            licence_url=result.text("licence_url"),
            creator=result.text("creator"),
        )
        return Candidate(source, None, result.number("width"), result.number("height"))


def _get_next_url(page: Fields) -> str:
    url = page.text("next")
    # a page without results is the last one, whatever `next` it states
    ends = not url or not page.items("results")
    return "" if ends else join_url(page.url, url)
