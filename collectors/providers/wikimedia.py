"""Wikimedia Commons: the search over its files, by the MediaWiki Action API.

    GET {base}?action=query&generator=search&gsrsearch=QUERY&prop=imageinfo&…
    {"continue": {"gsroffset": 50, "continue": "gsroffset||"}, "query": {"pages": [
     {"pageid": 81754323, "title": "File:Tree.jpg", "index": 1, "imageinfo": [
      {"url": "https://…/Tree.jpg", "thumburl": "https://…/1280px-Tree.jpg", "mime": "image/jpeg",
       "descriptionurl": "https://…/File:Tree.jpg", "width": 5514, "height": 3102,
       "extmetadata": {"LicenseShortName": {"value": "CC BY-SA 4.0"},
        "LicenseUrl": {"value": "https://…"}, "Artist": {"value": "<a href=…>PtrQs</a>"}}}]}]}}

The parameters in `continue` are added to the first request until there are none. The files of one
batch may come in several answers, each with the `imageinfo` of some; `batchcomplete` ends it.

Documentation: https://www.mediawiki.org/wiki/API:Search, API:Imageinfo, API:Continue and
API:Etiquette (one request after the other, with a contact), each below
https://www.mediawiki.org/wiki/.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.providers.json_api import Fields, JsonApi, JsonSearch
from data_registry.errors import ProviderError
from data_registry.images.records import Source

_TAG = re.compile(r"<[^<>]*>")
_FACTS = ("LicenseShortName", "LicenseUrl", "Artist")


@dataclass(frozen=True)
class WikimediaProvider(JsonSearch):
    """Yields the photographs and drawings that Wikimedia Commons finds for each query.

    Attributes:
        limit: maximum candidates for each query.
        width: wider images are requested at this width in pixels, since originals may have many
            megabytes; 0: the originals. Commons serves some widths only, such as 500, 960, 1280,
            1920.
        per_minute: maximum requests in a minute.
        base: address of the API.
        fetch: limits and contact; Wikimedia requires a contact.
        name: the provider's name in the sources.
    """

    limit: int = 500
    width: int = 1280
    per_minute: float = 60
    base: str = "https://commons.wikimedia.org/w/api.php"
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "wikimedia"

    def _api(self) -> JsonApi:
        return JsonApi("Wikimedia Commons", self.fetch, self.per_minute)

    def _results(self, api: JsonApi, query: str) -> Iterator[Candidate]:
        def get_next_url(answer: Fields) -> str:
            more = _get_continuation(answer)
            return self._build_url(query, more) if more else ""

        batch: dict[str, Fields] = {}
        for answer in api.pages(self._build_url(query, {}), get_next_url):
            for page in _list_pages(answer):
                if page.value.get("imageinfo") or page.text("title") not in batch:
                    batch[page.text("title")] = page
            if answer.value.get("batchcomplete") or not _get_continuation(answer):
                yield from self._read_batch(batch.values(), query)
                batch = {}

    def _read_batch(self, batch: Iterable[Fields], query: str) -> Iterator[Candidate]:
        def read_info(info: Fields) -> Iterator[Candidate]:
            if info.text("mime").startswith("image/"):
                yield self._build_candidate(info, query)

        for page in sorted(batch, key=lambda page: page.number("index")):
            if not page.value.get("imageinfo"):
                continue  # deleted since it was indexed
            try:
                yield from page.each("imageinfo", read_info, required="url")
            except ProviderError as error:
                page.tally.leave_out(error)

    def _build_url(self, query: str, more: dict[str, str | int]) -> str:
        asked: dict[str, str | int] = {
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "generator": "search",
            "gsrsearch": f"{query} filetype:bitmap",
            "gsrnamespace": 6,
            "gsrlimit": 50,
            "prop": "imageinfo",
            "iiprop": "url|size|mime|extmetadata",
            "iiextmetadatafilter": "|".join(_FACTS),
        }
        if self.width:
            asked["iiurlwidth"] = self.width
        return f"{self.base}?{urlencode(asked | more, errors='replace')}"

    def _build_candidate(self, info: Fields, query: str) -> Candidate:
        licence, licence_url, artist = (_read_fact(info, name) for name in _FACTS)
        source = Source(
            provider=self.name,
            url=info.text("thumburl") or info.text("url"),
            query=query,
            page_url=info.text("descriptionurl"),
            licence=licence,
            licence_url=licence_url,
            creator=artist,
        )
        return Candidate(source, None, info.number("width"), info.number("height"))


def _get_continuation(answer: Fields) -> dict[str, str | int]:
    """Return the parameters of the next request; none at the end."""
    more: dict[str, str | int] = answer.part("continue").value
    if not isinstance(more, dict):
        raise answer.wrong_shape(f"continue = {str(more)[:80]!r}", "an object of parameters")
    return more


def _list_pages(answer: Fields) -> Iterator[Fields]:
    error = answer.part("error")
    if error.value:
        raise ProviderError(
            f"Wikimedia Commons refuses {answer.url}: {error.text('code')}: {error.text('info')}. "
            "Correct the query, or run the same command again later"
        )
    result = answer.part("query")
    if result.value:
        yield from result.each("pages", _check_title, required="title")
    elif "batchcomplete" not in answer.value:
        raise answer.wrong_shape(repr(str(answer.value)[:80]), "`query` or `batchcomplete`")


def _check_title(page: Fields) -> list[Fields]:
    page.text("title")  # raises unless it is text
    return [page]


def _read_fact(info: Fields, name: str) -> str:
    """Read a fact as plain text; Commons writes HTML."""
    marked = info.part("extmetadata").part(name).text("value")
    return " ".join(unescape(_TAG.sub("", marked)).split())
