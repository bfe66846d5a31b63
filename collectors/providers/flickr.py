"""Flickr: photographs that their owners share, each under a licence of their choice.

    GET {base}/?method=flickr.photos.licenses.getInfo&api_key=KEY&format=json&nojsoncallback=1
    {"licenses": {"license": [{"id": 4, "name": "Attribution License",
                               "url": "https://creativecommons.org/licenses/by/2.0/"}]},
     "stat": "ok"}
    GET {base}/?method=flickr.photos.search&text=QUERY&extras=…&per_page=250&page=N&…
    {"photos": {"page": 1, "pages": 3, "perpage": 250, "total": 700, "photo": [
      {"id": "52", "owner": "12@N01", "ownername": "A. Diver", "license": "4",
       "o_width": "6000", "o_height": "4000",
       "url_l": "https://live.staticflickr.com/…_b.jpg", "width_l": 1024, "height_l": 683}]},
     "stat": "ok"}

An error is a JSON answer as well: ``{"stat": "fail", "code": 100, "message": "Invalid API Key"}``.
The licences' numbers are requested first, since Flickr adds new ones: 11 to 16 came in 2025 with
version 4.0 of Creative Commons.

Documentation: https://www.flickr.com/services/api/flickr.photos.search.html (4,000 results of a
query at most) and https://www.flickr.com/services/developer/api/ (3,600 requests an hour).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import urlencode

from collectors.candidate import Candidate, Search, SearchProvider
from collectors.fetch.fetched import FetchSettings
from collectors.licences import parse_licence
from collectors.providers.json_api import Fields, JsonApi
from data_registry.errors import ProviderError
from data_registry.images.records import Source
from data_registry.text.secrets import hide_known_secret

_PAGE_SIZE = 250
_DEEPEST = 4000
_SIZES = ("l", "c", "z", "o")  # 1024, 800 and 640 pixels, then the original
_Licences = Mapping[str, tuple[str, str]]  # number to name and URL


@dataclass(frozen=True)
class FlickrProvider(SearchProvider):
    """Yields the photos that Flickr finds for each query, most relevant first.

    Attributes:
        key_variable: the environment variable with your API key; do not write the key into a
            file.
        limit: maximum candidates for each query; Flickr returns at most 4,000.
        licences: the only licences to search for, as `Licence` names them and in all their
            versions, such as ``CC0``, ``BY``, ``BY-SA``; or by Flickr's numbers, such as ``7``;
            empty: all.
        per_minute: maximum requests in a minute.
        base: address of the API.
        fetch: limits and contact.
        name: the provider's name in the sources.
    """

    key_variable: str = "FLICKR_API_KEY"
    limit: int = 500
    licences: Sequence[str] = ()
    per_minute: float = 60
    base: str = "https://api.flickr.com/services/rest"
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "flickr"

    @contextmanager
    def searching(self) -> Iterator[Search]:
        """Open one API and load one list of licences for all queries.

        Raises:
            ProviderError: there is no key, or Flickr refuses; no message holds the key.
        """
        key = self._get_key()
        try:
            with JsonApi("Flickr", self.fetch, self.per_minute, key) as api:
                licences = self._load_licence_names(api, key)
                yield lambda query: islice(self._results(api, key, licences, query), self.limit)
        except ProviderError as error:  # messages contain the requested URL
            raise ProviderError(hide_known_secret(str(error), key)) from None

    def require_source(self) -> None:
        """Refuse to ask without a key; see `LocalSource`."""
        self._get_key()

    def _get_key(self) -> str:
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise ProviderError(
                f"Flickr requires an API key, and the environment variable {self.key_variable} is "
                "empty. Request a key at flickr.com/services/apps/create and export it"
            )
        return key

    def _load_licence_names(self, api: JsonApi, key: str) -> _Licences:
        answer = _check_answer(api.ask(self._build_url(key, "flickr.photos.licenses.getInfo")))

        def read_licence(each: Fields) -> list[tuple[str, tuple[str, str]]]:
            return [(str(each.value.get("id")), (each.text("name"), each.text("url")))]

        names = dict(answer.part("licenses").each("license", read_licence, required="name"))
        answer.tally.require_one()
        return names

    def _results(
        self, api: JsonApi, key: str, licences: _Licences, query: str
    ) -> Iterator[Candidate]:
        def get_next_url(page: Fields) -> str:
            photos = page.part("photos")
            last = min(photos.number("pages"), _DEEPEST // _PAGE_SIZE)
            number = photos.number("page")
            return self._build_search_url(key, wanted, query, number + 1) if number < last else ""

        def read_photo(photo: Fields) -> Iterator[Candidate]:
            candidate = self._build_candidate(photo, licences, query)
            if candidate.source.url:
                yield candidate

        wanted = self._select_licence_numbers(licences)
        for page in api.pages(self._build_search_url(key, wanted, query, 1), get_next_url):
            yield from _check_answer(page).part("photos").each("photo", read_photo, required="id")

    def _select_licence_numbers(self, licences: _Licences) -> str:
        """Select Flickr's numbers for the licences to search for, separated by commas."""
        names = {number: parse_licence(*stated).name for number, stated in licences.items()}
        for each in self.licences:
            if each not in names and each not in names.values():
                raise ProviderError(
                    f"flickr: licences = {each!r} is no licence of Flickr; expected some of "
                    f"{', '.join(sorted({*names.values()}))}, or of the numbers {', '.join(names)}"
                )
        return ",".join(
            number for number, name in names.items() if {number, name} & {*self.licences}
        )

    def _build_search_url(self, key: str, wanted: str, query: str, page: int) -> str:
        sizes = ",".join(f"url_{size}" for size in _SIZES)
        asked = {
            "text": query,
            "media": "photos",
            "sort": "relevance",
            "extras": f"license,owner_name,o_dims,{sizes}",
            "per_page": str(_PAGE_SIZE),
            "page": str(page),
        }
        if wanted:
            asked["license"] = wanted
        return self._build_url(key, "flickr.photos.search", **asked)

    def _build_url(self, key: str, method: str, **asked: str) -> str:
        how = {"method": method, "api_key": key, "format": "json", "nojsoncallback": "1"}
        return f"{self.base.rstrip('/')}/?{urlencode(how | asked)}"

    def _build_candidate(self, photo: Fields, licences: _Licences, query: str) -> Candidate:
        size = next((size for size in _SIZES if photo.text(f"url_{size}")), _SIZES[0])
        number = str(photo.value.get("license", ""))
        licence, licence_url = licences.get(number, (f"Flickr's licence {number}", ""))
        source = Source(
            provider=self.name,
            url=photo.text(f"url_{size}"),
            query=query,
            page_url=f"https://www.flickr.com/photos/{photo.text('owner')}/{photo.text('id')}",
            licence=licence,
            licence_url=licence_url,
            creator=photo.text("ownername"),
        )
        # some owners publish neither the original nor its size
        width = photo.number("o_width") or photo.number(f"width_{size}")
        height = photo.number("o_height") or photo.number(f"height_{size}")
        return Candidate(source, None, width, height)


def _check_answer(answer: Fields) -> Fields:
    if answer.text("stat") == "fail":
        raise ProviderError(
            f"Flickr refuses {answer.url}: {answer.value.get('code')}: {answer.text('message')}. "
            "Correct the key or the query, or run the same command again later"
        )
    return answer
