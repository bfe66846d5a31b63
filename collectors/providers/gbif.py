"""GBIF: photographs of specimens and sightings from museums, herbaria and observers.

    GET {base}/occurrence/search?q=QUERY&mediaType=StillImage&limit=100&offset=N
    {"offset": 0, "limit": 100, "endOfRecords": false, "count": 4711, "results": [
     {"key": 1145726536, "license": "http://creativecommons.org/licenses/by/4.0/legalcode",
      "media": [{"type": "StillImage", "format": "image/jpeg", "identifier": "http://…/1.jpg",
                 "references": "https://…", "license": "…", "rightsHolder": "…",
                 "creator": "…"}]}]}

A medium without a `type` often links to a page instead of a file, and is left out.

An occurrence's own licence covers its data, or the whole dataset, and not its images, which may be
under stricter terms. So only the licence stated for the image counts; without one it is unknown.

Documentation: https://techdocs.gbif.org/en/openapi/v1/occurrence, whose search returns at
most 100,000 records.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.providers.json_api import Fields, JsonApi, JsonSearch
from data_registry.errors import ProviderError
from data_registry.images.records import Source

_PAGE_SIZE = 100
_DEEPEST = 100_000
_SEARCHES = ("q", "scientificName", "taxonKey")
_PAGE = "https://www.gbif.org/occurrence/"


@dataclass(frozen=True)
class GbifProvider(JsonSearch):
    """Yields the still images of the occurrences that GBIF finds for each query.

    Attributes:
        limit: maximum candidates for each query.
        search: what a query is: ``q``, any words; ``scientificName``, a name and all below it,
            which finds nothing where several taxa share the name; or ``taxonKey``, a taxon's key
            in GBIF, and all below it.
        per_minute: maximum requests in a minute.
        base: address of the API.
        fetch: limits and contact.
        name: the provider's name in the sources.
    """

    limit: int = 500
    search: str = "q"
    per_minute: float = 60
    base: str = "https://api.gbif.org/v1"
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "gbif"

    def __post_init__(self) -> None:
        if self.search not in _SEARCHES:
            raise ProviderError(
                f"gbif: search = {self.search!r}; expected one of {', '.join(_SEARCHES)}"
            )

    def _api(self) -> JsonApi:
        return JsonApi("GBIF", self.fetch, self.per_minute)

    def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
        def get_next_url(page: Fields) -> str:
            offset = page.number("offset") + _PAGE_SIZE
            is_last = page.value.get("endOfRecords") is not False
            return (
                "" if is_last or offset + _PAGE_SIZE > _DEEPEST else self._build_url(query, offset)
            )

        def read_occurrence(occurrence: Fields) -> Iterator[Candidate]:
            def read_medium(medium: Fields) -> Iterator[Candidate]:
                if medium.text("type") == "StillImage" and medium.text("identifier"):
                    yield self._build_candidate(occurrence, medium, query)

            return occurrence.each("media", read_medium)

        for page in api.pages(self._build_url(query, 0), get_next_url):
            yield from page.each("results", read_occurrence, required="key")

    def _build_url(self, query: str, offset: int) -> str:
        asked = {
            self.search: query,
            "mediaType": "StillImage",
            "limit": _PAGE_SIZE,
            "offset": offset,
        }
        return f"{self.base.rstrip('/')}/occurrence/search?{urlencode(asked)}"

    def _build_candidate(self, occurrence: Fields, medium: Fields, query: str) -> Candidate:
        licence = medium.text("license")  # mostly a URL, else the publisher's own words
        source = Source(
            provider=self.name,
            url=medium.text("identifier"),
            query=query,
            page_url=medium.text("references") or f"{_PAGE}{occurrence.number('key')}",
            licence=licence,
            licence_url=licence if licence.startswith(("http://", "https://")) else "",
            creator=medium.text("creator") or medium.text("rightsHolder"),
        )
        return Candidate(source)
