"""Openverse: a search over openly licensed images of many collections.

    GET {base}/v1/images/?q=QUERY&page=N&page_size=20
    {"result_count": 241, "page_count": 13, "page_size": 20, "page": 1, "results": [
     {"id": "4bc43a04-…", "url": "https://…/960w/XNVBVXO3B7.jpg", "creator": "Tim Sullivan",
      "foreign_landing_url": "https://stocksnap.io/photo/XNVBVXO3B7", "license": "cc0",
      "license_version": "1.0", "license_url": "https://…", "width": 6016, "height": 4016}]}

Documentation: https://api.openverse.org/v1/ and
https://docs.openverse.org/api/reference/authentication_and_throttling.html. Without a
key a page has 20 results and a query 240, and 20 requests a minute and 200 a day are allowed; the
terms of use forbid circumventing that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.providers.json_api import Fields, JsonApi, JsonSearch
from data_registry.images.records import Source

_PAGE_SIZE = 20
_DEEPEST_PAGE = 12


@dataclass(frozen=True)
class OpenverseProvider(JsonSearch):
    """Yields the images that Openverse finds for each query.

    Attributes:
        limit: maximum candidates for each query; Openverse returns at most 240.
        licences: the only licences to search for, in Openverse's spelling, such as ``cc0``,
            ``pdm``, ``by``, ``by-sa``; empty: all.
        per_minute: maximum requests in a minute.
        base: address of the API.
        fetch: limits and contact.
        name: the provider's name in the sources.
    """

    limit: int = 240
    licences: Sequence[str] = ()
    per_minute: float = 20
    base: str = "https://api.openverse.org"
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "openverse"

    def _api(self) -> JsonApi:
        return JsonApi("Openverse", self.fetch, self.per_minute)

    def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
        def get_next_url(page: Fields) -> str:
            number = page.number("page")
            last = min(page.number("page_count"), _DEEPEST_PAGE)
            return self._build_url(query, number + 1) if number < last else ""

        def read_result(result: Fields) -> Iterator[Candidate]:
            if result.text("url"):
                yield self._build_candidate(result, query)

        for page in api.pages(self._build_url(query, 1), get_next_url):
            yield from page.each("results", read_result, required="id")

    def _build_url(self, query: str, page: int) -> str:
        asked = {"q": query, "page": page, "page_size": _PAGE_SIZE}
        if self.licences:
            asked["license"] = ",".join(self.licences)
        return f"{self.base.rstrip('/')}/v1/images/?{urlencode(asked)}"

    def _build_candidate(self, result: Fields, query: str) -> Candidate:
        source = Source(
            provider=self.name,
            url=result.text("url"),
            query=query,
            page_url=result.text("foreign_landing_url"),
            licence=f"{result.text('license')} {result.text('license_version')}".strip(),
            licence_url=result.text("license_url"),
            creator=result.text("creator"),
        )
        return Candidate(source, None, result.number("width"), result.number("height"))
