"""Openverse, Wikimedia Commons and iNaturalist against servers that answer in their shapes."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from api_answers import (
    AT_ONCE,
    FETCH,
    Json,
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

from collectors.candidate import Candidate, Provider
from collectors.providers.inaturalist import INaturalistProvider
from collectors.providers.json_api import JsonApi
from collectors.providers.openverse import OpenverseProvider
from collectors.providers.wikimedia import WikimediaProvider
from data_registry.errors import ProviderError
from data_registry.images.records import Source


def openverse(server: LoopbackServer) -> OpenverseProvider:
    return OpenverseProvider(base=server.url(""), fetch=FETCH, per_minute=AT_ONCE)


def commons(server: LoopbackServer) -> WikimediaProvider:
    return WikimediaProvider(base=server.url("/w/api.php"), fetch=FETCH, per_minute=AT_ONCE)


def inaturalist(server: LoopbackServer) -> INaturalistProvider:
    return INaturalistProvider(base=server.url("/v1/"), fetch=FETCH, per_minute=AT_ONCE)


PROVIDERS = pytest.mark.parametrize(
    ("make", "path"),
    [(openverse, "/v1/images/"), (commons, "/w/api.php"), (inaturalist, "/v1/observations")],
    ids=["openverse", "wikimedia", "inaturalist"],
)
Make = Callable[[LoopbackServer], Provider]


def test_openverse_keeps_what_is_said(server: LoopbackServer) -> None:
    serve_openverse(server, [openverse_image(1)])
    assert collected(openverse(server), "tree bark") == [
        Candidate(
            Source(
                provider="openverse",
                url="https://cdn.stocksnap.io/img-thumbs/960w/1.jpg",
                query="tree bark",
                page_url="https://stocksnap.io/photo/1",
                licence="by-sa 2.0",
                licence_url="https://creativecommons.org/licenses/by-sa/2.0/",
                creator="Tim Sullivan",
            ),
            native_width=6016,
            native_height=4016,
        )
    ]


def test_openverse_with_everything_optional_left_out(server: LoopbackServer) -> None:
    nothing = dict.fromkeys(
        ["foreign_landing_url", "creator", "license_version", "license_url", "height", "width"]
    )
    serve_openverse(server, [openverse_image(1, url=None), openverse_image(2, **nothing)])
    url = "https://cdn.stocksnap.io/img-thumbs/960w/2.jpg"
    assert collected(openverse(server), "bark") == [
        Candidate(Source(provider="openverse", url=url, query="bark", licence="by-sa"))
    ]


@pytest.mark.parametrize(("count", "given", "pages"), [(0, 0, 1), (40, 40, 2), (1000, 240, 12)])
def test_openverse_is_asked_no_deeper_than_it_allows(
    server: LoopbackServer, count: int, given: int, pages: int
) -> None:
    asked = serve_openverse(server, [openverse_image(number) for number in range(count)])
    found = collected(replace(openverse(server), limit=10_000), "bark")
    assert len({candidate.source.url for candidate in found}) == len(found) == given
    assert [params["page"] for params in asked] == [str(page + 1) for page in range(pages)]


def test_openverse_searches_for_some_licences_only(server: LoopbackServer) -> None:
    asked = serve_openverse(server, [])
    collected(replace(openverse(server), licences=["cc0", "by"]), "bark & twig")
    assert asked == [{"q": "bark & twig", "page": "1", "page_size": "20", "license": "cc0,by"}]


def test_commons_keeps_what_is_said(server: LoopbackServer) -> None:
    asked = serve_commons(server, [commons_file(7)])
    assert collected(commons(server), "lone tree") == [
        Candidate(
            Source(
                provider="wikimedia",
                url="https://upload.wikimedia.org/wikipedia/commons/thumb/2/25/1280px-7.jpg",
                query="lone tree",
                page_url="https://commons.wikimedia.org/wiki/File:7.jpg",
                licence="CC BY-SA 4.0",
                licence_url="https://creativecommons.org/licenses/by-sa/4.0",
                creator="Pt & Rs",
            ),
            native_width=5514,
            native_height=3102,
        )
    ]
    assert asked[0]["gsrsearch"] == "lone tree filetype:bitmap"
    assert (asked[0]["gsrnamespace"], asked[0]["iiurlwidth"]) == ("6", "1280")


def test_commons_gives_originals_when_asked(server: LoopbackServer) -> None:
    asked = serve_commons(server, [commons_file(7, thumburl=None)])
    (candidate,) = collected(replace(commons(server), width=0), "tree")
    assert candidate.source.url == "https://upload.wikimedia.org/wikipedia/commons/2/25/7.jpg"
    assert "iiurlwidth" not in asked[0]


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_commons_batches_are_put_together(server: LoopbackServer, count: int) -> None:
    """Each file once and best first, though batches come in halves and in no order."""
    serve_commons(server, [commons_file(number) for number in range(count)])
    found = collected(commons(server), "tree")
    pages = [f"https://commons.wikimedia.org/wiki/File:{number}.jpg" for number in range(count)]
    assert [candidate.source.page_url for candidate in found] == pages


def test_commons_files_that_are_no_image_any_more(server: LoopbackServer) -> None:
    bare = {"pageid": 1, "ns": 6, "title": "File:gone.jpg"}
    unlicensed = commons_file(3, extmetadata=[])
    serve_commons(server, [bare, commons_file(2, mime="application/pdf"), unlicensed])
    (candidate,) = collected(commons(server), "tree")
    assert candidate.source.page_url.endswith("File:3.jpg")
    assert (candidate.source.licence, candidate.source.creator) == ("", "")


def test_commons_cannot_go_on_with_another_shape(server: LoopbackServer) -> None:
    server.put("/w/api.php", b'{"batchcomplete": true, "continue": ["gsroffset"]}')
    with pytest.raises(ProviderError, match="expected an object of parameters"):
        collected(commons(server), "tree")


def test_commons_reports_an_error_with_status_200(server: LoopbackServer) -> None:
    error = b'{"error": {"code": "ratelimited", "info": "Too many requests"}, "servedby": "mw1"}'
    server.put("/w/api.php", error)
    with pytest.raises(ProviderError, match="ratelimited: Too many requests"):
        collected(commons(server), "tree")


def test_inaturalist_keeps_what_is_said(server: LoopbackServer) -> None:
    asked = serve_inaturalist(server, [observation(5, inaturalist_photo(9))])
    assert collected(inaturalist(server), "Danaus plexippus") == [
        Candidate(
            Source(
                provider="inaturalist",
                url="https://static.inaturalist.org/photos/9/large.jpg?1545715684",
                query="Danaus plexippus",
                page_url="https://www.inaturalist.org/observations/5",
                licence="cc-by",
                creator="samroom",
            ),
            native_width=2048,
            native_height=1361,
        )
    ]
    assert asked[0]["taxon_name"] == "Danaus plexippus"


def test_inaturalist_licenses_each_photo(server: LoopbackServer) -> None:
    reserved = {"license_code": None, "attribution": "(c) samroom, all rights reserved"}
    photos = [inaturalist_photo(1), inaturalist_photo(2, **reserved), inaturalist_photo(3, url="")]
    serve_inaturalist(server, [observation(5, *photos), observation(6)])
    found = collected(inaturalist(server), "monarch")
    assert [candidate.source.licence for candidate in found] == [
        "cc-by",
        "(c) samroom, all rights reserved",
    ]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (29, 1), (30, 2), (75, 3)])
def test_inaturalist_goes_on_from_the_last_id(
    server: LoopbackServer, count: int, pages: int
) -> None:
    found = [observation(10 * k + 1, inaturalist_photo(k)) for k in range(count)]
    asked = serve_inaturalist(server, found)
    urls = [candidate.source.url for candidate in collected(inaturalist(server), "monarch")]
    assert len(set(urls)) == len(urls) == count
    assert len(asked) == pages


def test_inaturalist_options_are_passed_on(server: LoopbackServer) -> None:
    asked = serve_inaturalist(server, [observation(5, inaturalist_photo(9))])
    options: dict[str, object] = {"search": "q", "size": "original", "quality_grade": "research"}
    provider = replace(inaturalist(server), licences=["cc0", "cc-by"], **options)
    (candidate,) = collected(provider, "monarch")
    assert "/original.jpg" in candidate.source.url
    assert (asked[0]["q"], asked[0]["photo_license"]) == ("monarch", "cc0,cc-by")
    assert asked[0]["quality_grade"] == "research"


@pytest.mark.parametrize("option", [{"search": "taxon"}, {"size": "huge"}])
def test_inaturalist_options_that_do_not_exist(option: dict[str, str]) -> None:
    with pytest.raises(ProviderError, match="expected one of"):
        INaturalistProvider(**option)


@pytest.mark.parametrize(
    ("provider", "serve", "found"),
    [
        (openverse, serve_openverse, [openverse_image(k) for k in range(100)]),
        (commons, serve_commons, [commons_file(k) for k in range(9)]),
        (inaturalist, serve_inaturalist, [observation(1, *map(inaturalist_photo, range(40)))] * 30),
    ],
    ids=["openverse", "wikimedia", "inaturalist"],
)
def test_the_limit_holds_for_each_query_and_saves_requests(
    server: LoopbackServer,
    provider: Callable[[LoopbackServer], OpenverseProvider],
    serve: Callable[[LoopbackServer, list[Json]], list[dict[str, str]]],
    found: list[Json],
) -> None:
    asked = serve(server, found)
    given = collected(replace(provider(server), limit=2), "moon", "sun")
    assert [candidate.source.query for candidate in given] == ["moon", "moon", "sun", "sun"]
    assert len(asked) <= 4


@PROVIDERS
def test_a_provider_that_is_asked_to_wait_waits(
    server: LoopbackServer, make: Make, path: str
) -> None:
    serve_openverse(server, [openverse_image(1)])
    serve_commons(server, [commons_file(1)])
    serve_inaturalist(server, [observation(1, inaturalist_photo(1))])
    usual, busy = server.pages[path], [True]

    def page(handler: Handler) -> None:
        if busy.pop():
            busy.append(False)
            return handler.answer(b"", 429, {"Retry-After": "0"})
        busy.append(False)
        return usual(handler)

    server.page(path, page)
    assert len(collected(make(server), "moon")) == 1
    assert server.asked(path) == 2


@PROVIDERS
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((b"", 429), "does not answer: rate_limited"),
        ((b"", 503), "does not answer: server_error"),
        ((b'{"detail": "Internal error"}', 500), "does not answer: server_error"),
        ((b'{"detail": "Unauthorized"}', 401), "does not answer: http_error"),
        ((b"<!doctype html><title>Just a moment</title>", 200), "expected JSON"),
        ((b'{"results": [{"id": 1, ', 200), "expected JSON"),
        ((b'{"detail": "moved"}', 200), "expected shape"),
        ((b"[]", 200), "expected shape"),
        ((b"null", 200), "expected shape"),
        ((b'{"results": ["a.jpg"], "query": {"pages": ["a.jpg"]}}', 200), "expected shape"),
        (
            (b'{"results": [{"id": 5, "url": 5, "photos": 5}], "query": [1]}', 200),
            "expected shape",
        ),
    ],
)
def test_what_is_no_answer_is_an_error_by_name(
    server: LoopbackServer, make: Make, path: str, answer: tuple[bytes, int], said: str
) -> None:
    server.put(path, *answer, {"Retry-After": "0"})
    with pytest.raises(ProviderError) as caught:
        collected(make(server), "moon")
    assert said in str(caught.value)
    assert server.url(path) in str(caught.value)


def test_an_api_is_asked_no_faster_than_it_allows(server: LoopbackServer) -> None:
    url = server.put("/api", b"{}")
    started = time.monotonic()
    with JsonApi("the herbarium", FETCH, per_minute=1200) as api:
        for _ in range(4):
            api.ask(url)
    assert time.monotonic() - started >= 3 * 60 / 1200
