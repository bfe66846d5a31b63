"""iNaturalist: photographs of living things, named by people.

    GET {base}/observations?taxon_name=QUERY&photos=true&order_by=id&order=asc&id_above=N&…
    {"total_results": 2, "page": 1, "per_page": 30, "results": [
     {"id": 57754375, "uri": "https://www.inaturalist.org/observations/57754375",
      "user": {"login": "samroom", "name": null}, "photos": [
       {"id": 92152429, "license_code": "cc-by-nc", "attribution": "(c) samroom, some rights …",
        "url": "https://…/photos/92152429/square.jpg?1598551272",
        "original_dimensions": {"width": 2048, "height": 1361}}]}]}

Each photo has its own licence; `license_code` is null where all rights are reserved. Instead of
``square`` a photo's URL may say ``small``, ``medium``, ``large`` or ``original``. Pages are
requested by the last id seen, which also works beyond the 10,000 results that `page` reaches.

Documentation: https://api.inaturalist.org/v1/docs/ (which allows 60 requests a minute and 10,000
a day) and https://www.inaturalist.org/pages/api+recommended+practices.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.providers.json_api import Fields, JsonApi, JsonSearch
from data_registry.errors import ProviderError
from data_registry.images.records import Source

_PAGE_SIZE = 30  # an observation has up to 400 kB of JSON, and 200 of them can be asked for
_SEARCHES = ("taxon_name", "q")
_SIZES = ("square", "thumb", "small", "medium", "large", "original")


@dataclass(frozen=True)
class INaturalistProvider(JsonSearch):
    """Yields the photos of the observations that iNaturalist finds for each query, oldest first.

    Attributes:
        limit: maximum candidates for each query.
        search: what a query is: ``taxon_name``, a scientific or common name, or ``q``, any words.
        size: ``small`` (240 pixels), ``medium`` (500), ``large`` (1024) or ``original`` (2048).
        licences: the only licences of photos to search for, in iNaturalist's spelling, such as
            ``cc0``, ``cc-by``, ``cc-by-sa``; empty: all.
        quality_grade: ``research`` for what several people agree on; empty: all.
        per_minute: maximum requests in a minute.
        base: address of the API.
        fetch: limits and contact.
        name: the provider's name in the sources.
    """

    limit: int = 500
    search: str = "taxon_name"
    size: str = "large"
    licences: Sequence[str] = ()
    quality_grade: str = ""
    per_minute: float = 60
    base: str = "https://api.inaturalist.org/v1"
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "inaturalist"

    def __post_init__(self) -> None:
        for option, value, known in (
            ("search", self.search, _SEARCHES),
            ("size", self.size, _SIZES),
        ):
            if value not in known:
                raise ProviderError(
                    f"inaturalist: {option} = {value!r}; expected one of {', '.join(known)}"
                )

    def _api(self) -> JsonApi:
        return JsonApi("iNaturalist", self.fetch, self.per_minute)

    def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
        def get_next_url(page: Fields) -> str:
            results = page.items("results")
            last = max(page.numbers("results", "id"), default=0)
            return self._build_url(query, last) if len(results) >= _PAGE_SIZE and last else ""

        def read_observation(observation: Fields) -> Iterator[Candidate]:
            def read_photo(photo: Fields) -> Iterator[Candidate]:
                if photo.text("url"):
                    yield self._build_candidate(observation, photo, query)

            return observation.each("photos", read_photo, required="id")

        for page in api.pages(self._build_url(query, 0), get_next_url):
            yield from page.each("results", read_observation, required="id")

    def _build_url(self, query: str, id_above: int) -> str:
        asked = {
            self.search: query,
            "photos": "true",
            "per_page": _PAGE_SIZE,
            "order_by": "id",
            "order": "asc",
            "id_above": id_above,
        }
        if self.licences:
            asked["photo_license"] = ",".join(self.licences)
        if self.quality_grade:
            asked["quality_grade"] = self.quality_grade
        return f"{self.base.rstrip('/')}/observations?{urlencode(asked)}"

    def _build_candidate(self, observation: Fields, photo: Fields, query: str) -> Candidate:
        user = observation.part("user")
        source = Source(
            provider=self.name,
            url=photo.text("url").replace("/square.", f"/{self.size}."),
            query=query,
            page_url=observation.text("uri"),
            # without a code the attribution states it: "(c) …, all rights reserved"
            licence=photo.text("license_code") or photo.text("attribution"),
            creator=user.text("name") or user.text("login"),
        )
        native = photo.part("original_dimensions")
        return Candidate(source, None, native.number("width"), native.number("height"))
