"""An error ends a query and not its provider; a bad record ends nothing."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest
from api_answers import (
    AT_ONCE,
    FETCH,
    answer_json,
    collected,
    commons_file,
    inaturalist_photo,
    observation,
    openverse_image,
    serve_commons,
    serve_inaturalist,
    serve_openverse,
)
from loopback import Handler, LoopbackServer
from pictures import jpeg

from collectors.candidate import Candidate, Provider, Search, SearchProvider
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.ledger import CollectSummary
from collectors.provider_problems import gather_problems
from collectors.providers.archives.zenodo import ZenodoProvider
from collectors.providers.flickr import FlickrProvider
from collectors.providers.gallery import GalleryProvider
from collectors.providers.gbif import GbifProvider
from collectors.providers.inaturalist import INaturalistProvider
from collectors.providers.json_api import JsonApi
from collectors.providers.openverse import OpenverseProvider
from collectors.providers.search.search_engines import BaiduProvider, BingProvider, GoogleProvider
from collectors.providers.urls import UrlListProvider
from collectors.providers.wikimedia import WikimediaProvider
from data_registry import Registry
from data_registry.errors import ProviderError
from data_registry.images.records import Source

QUICK = replace(FETCH, heed_robots_txt=False, burst=10_000)


def urls_of(provider: Provider, *queries: str) -> list[str]:
    return [candidate.source.url for candidate in collected(provider, *queries)]


class Gallery:
    """A gallery with a photo a page, three pages a query; what a page answers can be replaced."""

    def __init__(self, server: LoopbackServer) -> None:
        self.server = server
        self.answers: dict[tuple[str, str], list[Callable[[Handler], None]]] = {}
        server.page("/search", self._page)
        self.provider = GalleryProvider(server.url(""), fetch=QUICK)

    def instead(self, query: str, page: int, *answers: Callable[[Handler], None]) -> None:
        self.answers[query, str(page)] = list(answers)

    def _page(self, handler: Handler) -> None:
        query, page = handler.query["q"], handler.query["page"]
        instead = self.answers.get((query, page))
        if instead:
            return instead.pop(0)(handler)
        number = int(page)
        url = self.server.put(
            f"/{query}{number}.jpg", jpeg(seed=crc32(f"{query}{number}".encode()))
        )
        more = f"/search?q={query}&page={number + 1}" if number < 3 else None
        return answer_json(handler, {"results": [{"url": url}], "next": more})

    def collect(self, registry: Registry, *queries: str) -> CollectSummary:
        return collect(registry, self.provider, queries, CollectSettings(fetch=QUICK))


def fails(status: int, headers: dict[str, str] | None = None) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(b"", status, headers)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}])
def test_a_server_that_fails_once_is_asked_again(
    registry: Registry, server: LoopbackServer, status: int, headers: dict[str, str]
) -> None:
    gallery = Gallery(server)
    gallery.instead("moon", 2, fails(status, headers), fails(status, headers))
    summary = gallery.collect(registry, "moon")
    assert (summary.outcomes, summary.problems) == ({"stored": 3}, ())


def test_a_connection_that_breaks_once_is_made_again(
    registry: Registry, server: LoopbackServer
) -> None:
    gallery = Gallery(server)
    gallery.instead("moon", 2, Handler.reset)
    assert gallery.collect(registry, "moon").outcomes == {"stored": 3}


@pytest.mark.parametrize(("status", "asked"), [(500, 3), (501, 1), (404, 1), (401, 1)])
def test_only_what_may_succeed_is_asked_again(
    server: LoopbackServer, status: int, asked: int
) -> None:
    url = server.put("/a.jpg", b"", status)
    with Fetcher(QUICK) as fetcher:
        fetcher.fetch(url)
    assert server.asked("/a.jpg") == asked


def test_an_error_ends_its_query_alone(registry: Registry, server: LoopbackServer) -> None:
    gallery = Gallery(server)
    gallery.instead("moon", 2, *[fails(502, {"Retry-After": "0"})] * 3)
    gallery.instead("rose", 1, fails(404))
    summary = gallery.collect(registry, "moon", "rose", "sun")
    assert {query: sum(found.values()) for query, found in summary.by_query.items()} == {
        "moon": 1,
        "sun": 3,
    }
    assert list(summary.failed_queries) == ["moon", "rose"]
    assert "server_error" in summary.failed_queries["moon"]
    assert len(summary.problems) == 2
    # the next run goes on where they ended
    again = gallery.collect(registry, "moon", "rose", "sun")
    assert (again.outcomes, again.skipped, again.failed_queries) == ({"stored": 5}, 4, {})


def test_a_provider_whose_queries_all_fail_has_failed(
    registry: Registry, server: LoopbackServer
) -> None:
    gallery = Gallery(server)
    for query in ("moon", "rose"):
        gallery.instead(query, 2, fails(404))
    with pytest.raises(ProviderError, match=r"not_found.*\n1 more failed as well"):
        gallery.collect(registry, "moon", "rose")
    assert len(registry.find_known_images()) == 2


def test_a_provider_that_never_answers_is_left_in_peace(
    registry: Registry, server: LoopbackServer
) -> None:
    server.put("/search", b"", 404)
    provider = GalleryProvider(server.url(""), fetch=QUICK)
    with pytest.raises(ProviderError, match="not_found"):
        collect(registry, provider, [f"q{k}" for k in range(40)], CollectSettings(fetch=QUICK))
    assert server.asked("/search") == 5


class Plugin(SearchProvider):
    """A provider of somebody else's, which fails while it is called."""

    name = "plugin"

    @contextmanager
    def searching(self) -> Iterator[Search]:
        yield self._found

    def _found(self, query: str) -> Iterator[Candidate]:
        if query == "bad":
            raise ProviderError("the plugin fails")
        return iter(
            [Candidate(Source(provider="plugin", url="http://127.0.0.1:1/a.jpg", query=query))]
        )


def test_a_search_that_fails_before_it_begins(registry: Registry) -> None:
    summary = collect(registry, Plugin(), ["bad", "good"], CollectSettings(fetch=QUICK))
    assert list(summary.by_query) == ["good"]
    assert summary.failed_queries == {"bad": "the plugin fails"}
    assert [each.source.query for each in Plugin().candidates(["bad", "good"])] == ["good"]


BAD = [None, "text", 5, [], {}]


def openverse(server: LoopbackServer) -> Provider:
    bad = [
        openverse_image(9, id=None),
        openverse_image(8, creator=["x"]),
        openverse_image(7, url=5),
    ]
    serve_openverse(server, [openverse_image(1), *BAD, *bad, openverse_image(2)])  # type: ignore[list-item]
    return OpenverseProvider(base=server.url(""), fetch=FETCH, per_minute=AT_ONCE)


def commons(server: LoopbackServer) -> Provider:
    bad = [commons_file(7, url=None), commons_file(8, mime=5), commons_file(9, extmetadata="x")]
    serve_commons(server, [commons_file(1), *bad, commons_file(2)])
    return WikimediaProvider(base=server.url("/w/api.php"), fetch=FETCH, per_minute=AT_ONCE)


def inaturalist(server: LoopbackServer) -> Provider:
    """Two pages, the first of them with a bad record: a page that is not full is the last."""
    good = [observation(k, inaturalist_photo(k)) for k in range(1, 32)]
    good[4] = {**good[4], "photos": 5}
    good[5] = observation(6, inaturalist_photo(6, url=7), inaturalist_photo(66))
    good[29] = {**good[29], "photos": None}
    serve_inaturalist(server, good)
    return INaturalistProvider(base=server.url("/v1/"), fetch=FETCH, per_minute=AT_ONCE)


def gbif(server: LoopbackServer) -> Provider:
    def medium(number: int, **more: object) -> dict[str, object]:
        return {"type": "StillImage", "identifier": f"https://host/{number}.jpg", **more}

    results = [
        {"key": 1, "media": [medium(1), "x", medium(9, license=4), medium(2)]},
        {"key": None, "media": [medium(8)]},
        {"key": 3, "media": None},
        *BAD,
        {"key": 4, "media": [medium(4)]},
    ]
    answer = {"offset": 0, "limit": 100, "endOfRecords": True, "results": results}
    server.put("/v1/occurrence/search", json.dumps(answer).encode())
    return GbifProvider(base=server.url("/v1"), fetch=FETCH, per_minute=AT_ONCE)


def flickr(server: LoopbackServer) -> Provider:
    def photo(number: int, **more: object) -> dict[str, object]:
        return {"id": str(number), "license": "4", "url_l": f"https://host/{number}.jpg", **more}

    photos = [photo(1), *BAD, photo(8, id=None), photo(9, ownername={}), photo(2)]
    found = {"photos": {"page": 1, "pages": 1, "photo": photos}, "stat": "ok"}
    licences = {"licenses": {"license": [{"id": 4, "name": "BY"}, None]}, "stat": "ok"}

    def page(handler: Handler) -> None:
        is_search = handler.query["method"] == "flickr.photos.search"
        answer_json(handler, found if is_search else licences)

    server.page("/rest/", page)
    return FlickrProvider(base=server.url("/rest"), fetch=FETCH, per_minute=AT_ONCE)


def gallery(server: LoopbackServer) -> Provider:
    results = [
        {"url": "/1.jpg"},
        *BAD,
        {"url": 7},
        {"url": "/9.jpg", "licence": 4},
        {"url": "/2.jpg"},
    ]
    server.put("/search", json.dumps({"results": results, "next": None}).encode())
    return GalleryProvider(server.url(""), fetch=FETCH)


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (openverse, 2, 8),
        (commons, 2, 3),
        (inaturalist, 29, 3),
        (gbif, 3, 9),
        (flickr, 2, 8),
        (gallery, 2, 7),
    ],
)
def test_bad_records_are_left_out_and_counted(
    server: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[LoopbackServer], Provider],
    good: int,
    bad: int,
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "s3cret key")
    provider = make(server)
    with gather_problems() as problems:
        found = urls_of(provider, "moon")
    assert (len(set(found)), len(found)) == (good, good)
    assert problems.bad_records == bad
    assert not any("s3cret" in example for example in problems.examples)


def test_flickr_s_key_is_in_no_message_of_a_query(
    server: LoopbackServer, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "s3cret key")
    provider = flickr(server)
    usual = server.pages["/rest/"]

    def page(handler: Handler) -> None:
        if handler.query.get("text") == "bad":
            return handler.answer(b"", 302, {"Location": f"/rest/?again&{handler.path[7:]}"})
        return usual(handler)

    server.page("/rest/", page)
    summary = collect(registry, provider, ["bad", "moon"], CollectSettings(fetch=QUICK))
    assert list(summary.failed_queries) == ["bad"]
    assert "s3cret" not in " ".join(summary.problems)


def test_zenodo_goes_on_after_a_bad_file(server: LoopbackServer, registry: Registry) -> None:
    def named(key: object) -> dict[str, object]:
        return {"key": key, "links": {"self": server.url("/lost.zip")}}

    record = {
        "id": 5,
        "links": {"self_html": server.url("/records/5")},
        "metadata": {},
        "files": [named("a.zip"), named("b.jpg"), named(5), None, {}],
    }
    record["metadata"] = {"creators": []}
    server.put("/api/records/5", json.dumps(record).encode())
    server.put("/records/5/files/b.jpg", jpeg())
    folder = registry.files.root if hasattr(registry.files, "root") else "archives"
    provider = ZenodoProvider(5, f"{folder}/archives", base=server.url("/api"), fetch=QUICK)
    summary = collect(registry, provider, [], CollectSettings(fetch=QUICK))
    assert summary.outcomes == {"stored": 1}
    assert (summary.bad_records, list(summary.failed_queries)) == (3, ["a.zip"])


def test_pages_without_end_that_bring_nothing(server: LoopbackServer) -> None:
    def page(handler: Handler) -> None:
        number = int(handler.query["page"])
        answer_json(handler, {"results": [None], "next": f"/search?page={number + 1}"})

    server.page("/search", page)
    with pytest.raises(ProviderError, match="50 pages in a row without a result"):
        urls_of(GalleryProvider(server.url(""), fetch=FETCH), "moon")
    assert server.asked("/search") == 50


HOSTILE_JSON: Sequence[bytes] = [
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"9" * 5000,
    b"[" + b"[]," * 1_000_000 + b"[]]",
    b"[" + b"{}," * 5_000_000 + b"{}]",
    b'"\xff"',
]


@pytest.mark.parametrize("body", HOSTILE_JSON, ids=range(len(HOSTILE_JSON)))
def test_json_made_to_take_all_memory(server: LoopbackServer, body: bytes) -> None:
    url = server.put("/api", body)
    with JsonApi("the herbarium", FETCH) as api, pytest.raises(ProviderError):
        api.ask(url).text("a")


def test_an_answer_may_be_larger_than_an_image(server: LoopbackServer) -> None:
    url = server.put("/api", json.dumps({"a": "x" * 50_000}).encode())
    with JsonApi("the herbarium", replace(FETCH, max_bytes=1000)) as api:
        assert len(api.ask(url).text("a")) == 50_000


def test_halves_of_characters(server: LoopbackServer) -> None:
    """They can be written in JSON, and cannot be sent or stored."""
    more = {"gsroffset": "\ud800", "continue": "\udfff"}
    answers = iter(
        [{"continue": more, "query": {"pages": [commons_file(1)]}}, {"batchcomplete": True}]
    )
    server.page("/w/api.php", lambda handler: answer_json(handler, next(answers)))
    provider = WikimediaProvider(base=server.url("/w/api.php"), fetch=FETCH, per_minute=AT_ONCE)
    assert len(urls_of(provider, "moon")) == 1
    api = JsonApi("the herbarium", FETCH)
    with api:
        assert api.ask(server.put("/api", b'{"a": "x\\ud800"}')).text("a") == "x?"


def test_a_bad_line_of_a_list_is_left_out(registry: Registry, tmp_path: Path) -> None:
    listed = tmp_path / "urls.csv"
    address = "http://127.0.0.1:1"
    listed.write_text(f"url,query\n{address}/a.jpg,moon\n,rose\n{address}/b.jpg,sun\n")
    summary = collect(registry, UrlListProvider(listed), [], CollectSettings(fetch=FetchSettings()))
    assert list(summary.by_query) == ["moon", "sun"]
    assert summary.bad_records == 1
    assert "line 3: 'url' is empty" in summary.problems[0]


@pytest.mark.parametrize(
    ("make", "page"),
    [
        (GoogleProvider, b"<script>" + b"http" * 60_000 + b"</script>"),
        (GoogleProvider, b"<script>" + b'["http' * 200_000 + b"</script>"),
        (
            BingProvider,
            b'<div class="imgpt"><a m="' + b"murl&quot;:&quot;" * 60_000 + b'"></a></div>',
        ),
        (BaiduProvider, b'{"data": ' + b"[" * 200_000),
    ],
    ids=["addresses", "results", "attribute", "nested"],
)
def test_result_pages_made_to_be_read_for_ever(
    server: LoopbackServer, make: Callable[..., Provider], page: bytes
) -> None:
    for path in ("/search", "/images/async", "/search/acjson"):
        server.put(path, page)
    provider = make(
        base=server.url(""), fetch=FETCH, heed_robots_txt=False, per_minute=AT_ONCE, limit=20
    )
    with pytest.raises(ProviderError, match="shows no image"):
        urls_of(provider, "moon")
