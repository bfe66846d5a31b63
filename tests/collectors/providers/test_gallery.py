import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from loopback import Handler, LoopbackServer

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.providers.gallery import GalleryProvider
from data_registry.errors import ProviderError
from data_registry.images.records import Source

PAGE_SIZE = 3
FETCH = FetchSettings(
    total_seconds=20, pause_seconds=0.01, requests_per_second=10_000, allow_loopback=True
)


def serve_search(server: LoopbackServer, found: Mapping[str, Sequence[object]]) -> GalleryProvider:
    """Serve a gallery that answers /api/search from the given results, a few a page."""

    def page(handler: Handler) -> None:
        query, number = handler.query["q"], int(handler.query["page"])
        results = found.get(query, [])
        end = number * PAGE_SIZE
        more = f"search?q={query.replace(' ', '+')}&page={number + 1}"
        answer = {
            "query": query,
            "total": len(results),
            "page": number,
            "results": results[end - PAGE_SIZE : end],
            "next": more if end < len(results) else None,
        }
        # a search page may well ask search engines to stay away: that is not said to us
        handler.answer(json.dumps(answer).encode(), 200, {"X-Robots-Tag": "noindex"})

    server.page("/api/search", page)
    return GalleryProvider(server.url("/api/"), fetch=FETCH)


def collected(provider: GalleryProvider, *queries: str) -> list[Candidate]:
    return list(provider.candidates(queries))


def error_of(provider: GalleryProvider) -> str:
    with pytest.raises(ProviderError) as caught:
        collected(provider, "moon")
    return str(caught.value)


def test_results_of_all_pages_for_each_query(server: LoopbackServer) -> None:
    found = {
        "moon jelly": [{"url": f"http://host/{k}.jpg"} for k in range(7)],
        "sun": [{"url": "http://host/3.jpg"}],
        "sea & sand": [],
    }
    candidates = collected(serve_search(server, found), *found)
    assert [(c.source.query, c.source.url) for c in candidates] == [
        *(("moon jelly", f"http://host/{k}.jpg") for k in range(7)),
        ("sun", "http://host/3.jpg"),
    ]
    assert server.asked("/api/search") == 3 + 1 + 1


def test_everything_that_is_known_is_kept(server: LoopbackServer) -> None:
    result = {
        "url": "/photos/1.jpg",
        "page_url": "../photos/1",
        "licence": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "creator": "A. Diver",
        "title": "Moon",
        "width": 640,
        "height": 480,
    }
    provider = serve_search(server, {"moon": [result]})
    assert collected(provider, "moon") == [
        Candidate(
            Source(
                provider="gallery",
                url=server.url("/photos/1.jpg"),
                query="moon",
                page_url=server.url("/photos/1"),
                licence="CC BY 4.0",
                licence_url="https://creativecommons.org/licenses/by/4.0/",
                creator="A. Diver",
            ),
            native_width=640,
            native_height=480,
        )
    ]


def test_what_is_unknown_stays_empty(server: LoopbackServer) -> None:
    result = {"url": "http://host/a.jpg", "creator": None, "width": None, "height": "tall"}
    provider = serve_search(server, {"moon": [result]})
    source = Source(provider="gallery", url="http://host/a.jpg", query="moon")
    assert collected(provider, "moon") == [Candidate(source)]


def test_the_limit_holds_for_each_query_and_saves_requests(server: LoopbackServer) -> None:
    results = [{"url": f"http://host/{k}.jpg"} for k in range(30)]
    provider = replace(serve_search(server, {"moon": results, "sun": results}), limit=4)
    assert len(collected(provider, "moon", "sun")) == 8
    assert server.asked("/api/search") == 4


def test_a_malformed_image_url_is_left_to_the_fetcher(server: LoopbackServer) -> None:
    provider = serve_search(server, {"moon": [{"url": "http://[bad"}]})
    assert collected(provider, "moon")[0].source.url == "http://[bad"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!doctype html>", "expected JSON"),
        (b"\xff\xfe\xfd", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b"[]", "expected an object with a list `results`"),
        (b'{"results": {}}', "expected an object with a list `results`"),
        (b'{"results": ["a.jpg"]}', "expected an object with a `url`"),
        (b'{"results": [{"page_url": "x"}]}', "expected an object with a `url`"),
        (b'{"results": [{"url": 5}]}', "url = '5'"),
        (b'{"results": [{"url": "a", "creator": ["x"]}]}', "expected text or null"),
        (b'{"results": [{"url": "a"}], "next": 2}', "expected text or null"),
    ],
)
def test_answers_of_another_shape(server: LoopbackServer, body: bytes, said: str) -> None:
    server.put("/search", body)
    assert said in error_of(GalleryProvider(server.url(""), fetch=FETCH))


def test_a_gallery_that_does_not_answer(server: LoopbackServer) -> None:
    assert "not_found" in error_of(GalleryProvider(server.url("/elsewhere"), fetch=FETCH))
    server.put("/search", b"", 500)
    assert "server_error" in error_of(GalleryProvider(server.url(""), fetch=FETCH))
    assert "unsupported_url" in error_of(GalleryProvider("file:///gallery", fetch=FETCH))


def test_pages_that_never_end(server: LoopbackServer) -> None:
    server.put("/search", b'{"results": [{"url": "a"}], "next": "search?q=moon&page=1"}')
    assert "comes again" in error_of(GalleryProvider(server.url(""), fetch=FETCH))
    server.put("/search", b'{"results": [], "next": "search?q=moon&page=2"}')
    assert collected(GalleryProvider(server.url(""), fetch=FETCH), "moon") == []
