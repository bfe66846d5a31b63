"""Bing, Google and Baidu against servers that answer with result pages of their shapes."""

import html
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from api_answers import AT_ONCE, FETCH, collected
from loopback import Handler, LoopbackServer
from pictures import jpeg

from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.licences import LicenceRule
from collectors.providers import build_provider
from collectors.providers.search.search_engines import (
    BaiduProvider,
    BingProvider,
    GoogleProvider,
    SearchEngineProvider,
)
from data_registry import Registry
from data_registry.errors import ProviderError

Engine = type[SearchEngineProvider]
ENGINES: dict[Engine, str] = {
    BingProvider: "/images/async",
    GoogleProvider: "/search",
    BaiduProvider: "/search/acjson",
}
PAGE_SIZES: dict[Engine, int] = {BingProvider: 20, GoogleProvider: 100, BaiduProvider: 30}
STARTS: dict[Engine, str] = {BingProvider: "first", GoogleProvider: "start", BaiduProvider: "pn"}
WORDS: dict[Engine, str] = {BingProvider: "q", GoogleProvider: "q", BaiduProvider: "word"}
# how Baidu writes its addresses
_TO = {"a": "w", "b": "k", "c": "v", "d": "1", "e": "j", "f": "u", "g": "2", "h": "i", "i": "t"}
_TO |= {"j": "3", "k": "h", "l": "s", "m": "4", "n": "g", "o": "5", "p": "r", "q": "q", "r": "6"}
_TO |= {"s": "f", "t": "p", "u": "7", "v": "e", "w": "o", "1": "8", "2": "d", "3": "n", "4": "9"}
_TO |= {"5": "c", "6": "m", "7": "0", "8": "b", "9": "l", "0": "a"}
_SIGNS = {":": "_z2C$q", ".": "_z&e3B", "/": "AzdH3F"}

every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.title)


def bing_page(urls: list[str]) -> bytes:
    """Render a list of results; each carries its facts as JSON in an attribute."""
    results = []
    for url in urls:
        facts = {"sid": "", "purl": f"{url}.html", "murl": url, "turl": "https://tse1.mm/th?id=1"}
        packed = html.escape(json.dumps(facts, separators=(",", ":")), quote=True)
        link = f'<a class="iusc" m="{packed}" href="/images/search?view=detailV2"></a>'
        results.append(f'<li><div class="iuscp"><div class="imgpt">{link}</div></div></li>')
    return (
        f'<div id="mmComponent"><ul class="dgControl_list">{"".join(results)}</ul></div>'.encode()
    )


def google_page(urls: list[str]) -> bytes:
    """Results in a script, as nested lists: thumbnail, image, and facts under numbers."""
    results = []
    for number, url in enumerate(urls):
        thumbnail = [f"https://encrypted-tbn0.gstatic.com/images?q=tbn:{number}", 183, 275]
        facts = {"2000": [None, "a.org", "9KB"], "2003": [None, "r", f"{url}.html", "Moon jelly"]}
        image = [0, "id", thumbnail, [url, 480, 640], None, 0, "rgb(1,7,9)", None, 0, facts]
        results.append([1, image])
    script = json.dumps(results, separators=(",", ":")).replace("&", r"\u0026")
    return f"<html><script>AF_initDataCallback({{data:{script}}});</script></html>".encode()


def baidu_page(urls: list[str]) -> bytes:
    """JSON whose list ends with an empty object."""
    data = [
        {
            "hoverURL": "https://img1.baidu.com/it/u=1,2",
            "objURL": baidu_spelling(url),
            "fromURL": baidu_spelling(f"{url}.html"),
            "width": 640,
            "height": 480,
        }
        for url in urls
    ]
    return json.dumps({"queryEnc": "x", "listNum": 1000, "data": [*data, {}]}).encode()


def baidu_spelling(url: str) -> str:
    return "".join(_SIGNS.get(char) or _TO.get(char, char) for char in url)


PAGES: dict[Engine, Callable[[list[str]], bytes]] = {
    BingProvider: bing_page,
    GoogleProvider: google_page,
    BaiduProvider: baidu_page,
}


def serve(server: LoopbackServer, engine: Engine, urls: list[str]) -> list[dict[str, str]]:
    """Serve the engine with these results for every query, and yield each request's parameters."""
    asked: list[dict[str, str]] = []

    def results(handler: Handler) -> None:
        asked.append(handler.query)
        start = int(handler.query[STARTS[engine]])
        handler.answer(PAGES[engine](urls[start : start + PAGE_SIZES[engine]]))

    server.page(ENGINES[engine], results)
    return asked


def provider(server: LoopbackServer, engine: Engine, **options: object) -> SearchEngineProvider:
    given = {
        "heed_robots_txt": False,
        "base": server.url(""),
        "per_minute": AT_ONCE,
        "fetch": FETCH,
    }
    return engine(**(given | options))  # type: ignore[arg-type]


def photo_urls(count: int) -> list[str]:
    return [f"http://photos.example/{number}.jpg" for number in range(count)]


@every_engine
def test_results_page_by_page(server: LoopbackServer, engine: Engine) -> None:
    urls = photo_urls(PAGE_SIZES[engine] + 5)
    asked = serve(server, engine, urls)
    found = collected(provider(server, engine), "sea nettle & moon")
    assert [each.source.url for each in found] == urls
    assert {each.source.query for each in found} == {"sea nettle & moon"}
    assert {each.source.provider for each in found} == {engine.title.lower()}
    assert {each.source.licence for each in found} == {""}
    assert {each[WORDS[engine]] for each in asked} == {"sea nettle & moon"}
    starts = [int(each[STARTS[engine]]) for each in asked]
    assert starts[:2] == [0, PAGE_SIZES[engine]]
    assert len(starts) <= 3  # the third page is empty, and nothing is asked after it


@every_engine
def test_no_more_than_the_limit(server: LoopbackServer, engine: Engine) -> None:
    asked = serve(server, engine, photo_urls(300))
    assert len(collected(provider(server, engine, limit=7), "moon")) == 7
    assert len(asked) == 1


@every_engine
def test_what_is_stated_of_an_image(server: LoopbackServer, engine: Engine) -> None:
    serve(server, engine, photo_urls(1))
    (found,) = collected(provider(server, engine), "moon")
    assert found.source.page_url == "http://photos.example/0.jpg.html"
    size = (0, 0) if engine is BingProvider else (640, 480)
    assert (found.native_width, found.native_height) == size


@every_engine
def test_addresses_that_do_not_end_in_jpg(server: LoopbackServer, engine: Engine) -> None:
    """icrawler's parsers cut them off, miss them, or take what follows for a part of them."""
    urls = [
        "http://photos.example/a.jpg?width=900&crop=1",
        "http://photos.example/b.webp",
        "http://photos.example/c.png",
    ]
    serve(server, engine, urls)
    found = collected(provider(server, engine), "moon")
    assert sorted(each.source.url for each in found) == urls
    assert {each.source.page_url for each in found} == {f"{url}.html" for url in urls}


def test_baidu_s_addresses_that_are_plain(server: LoopbackServer) -> None:
    plain = {"objURL": "https://a.example/1.jpg", "fromURL": "https://a.example/"}
    odd = [{"objURL": 5}, "x", None, {"thumbURL": "https://a.example/2.jpg"}]
    server.put("/search/acjson", json.dumps({"data": [plain, *odd]}).encode())
    (found,) = collected(provider(server, BaiduProvider, limit=30), "moon")
    assert (found.source.url, found.source.page_url) == (plain["objURL"], plain["fromURL"])


def test_a_result_that_comes_twice_is_given_once(server: LoopbackServer) -> None:
    serve(server, BingProvider, photo_urls(3) * 2)
    assert len(collected(provider(server, BingProvider), "moon")) == 3


@every_engine
def test_robots_txt_keeps_us_out_by_default(server: LoopbackServer, engine: Engine) -> None:
    asked = serve(server, engine, photo_urls(3))
    server.put("/robots.txt", b"User-agent: *\nDisallow: /images/async\nDisallow: /search\n")
    with pytest.raises(ProviderError, match=r"heed_robots_txt = false.*docs/search-engines.md"):
        collected(provider(server, engine, heed_robots_txt=True), "moon")
    assert asked == []
    # what the project says of image hosts is no word on result pages
    lax = replace(FETCH, heed_robots_txt=False)
    with pytest.raises(ProviderError, match="heed_robots_txt = false"):
        collected(provider(server, engine, heed_robots_txt=True, fetch=lax), "moon")
    assert asked == []
    assert len(collected(provider(server, engine), "moon")) == 3


@every_engine
@pytest.mark.parametrize(
    "page",
    [
        b"<html><body><form action='/consent'>Before you continue</form></body></html>",
        b'{"antiFlag":1,"message":"Forbid spider access"}',
        b"",
        b"\xff\xfe\x00<div class='imgpt'></div>",
    ],
)
def test_a_page_without_results_is_an_error(
    server: LoopbackServer, engine: Engine, page: bytes
) -> None:
    server.put(ENGINES[engine], page)
    with pytest.raises(ProviderError, match=f"{engine.title} shows no image for any query"):
        collected(provider(server, engine), "moon", "rose")


def test_one_query_without_results_stops_nothing(server: LoopbackServer) -> None:
    def results(handler: Handler) -> None:
        is_first = handler.query["first"] == "0" and handler.query["q"] != "qwzx"
        handler.answer(bing_page(photo_urls(2) if is_first else []))

    server.page("/images/async", results)
    assert len(collected(provider(server, BingProvider), "qwzx", "moon", "rose")) == 4


@every_engine
def test_an_engine_that_refuses(server: LoopbackServer, engine: Engine) -> None:
    server.put(ENGINES[engine], b"", 429, {"Retry-After": "0"})
    with pytest.raises(ProviderError, match=f"{engine.title} at .* does not answer: rate_limited"):
        collected(provider(server, engine), "moon")


def test_images_are_fetched_and_kept_by_our_own_rules(
    server: LoopbackServer, registry: Registry
) -> None:
    urls = [server.put(f"/photo/{number}.jpg", jpeg(number)) for number in range(3)]
    hidden = server.put("/hidden/1.jpg", jpeg(9))
    serve(server, BingProvider, [*urls, hidden])
    server.put("/robots.txt", b"User-agent: *\nDisallow: /images\nDisallow: /hidden\n")
    fetch = replace(FETCH, requests_per_second=10_000)
    strict = CollectSettings(fetch=fetch, licences=LicenceRule(allow_unknown=False))
    engine = provider(server, BingProvider)
    assert collect(registry, engine, ["moon"], strict).outcomes == {"unknown_licence": 4}
    taken = collect(registry, engine, ["moon"], CollectSettings(fetch=fetch)).outcomes
    assert taken == {"refused_robots": 1, "stored": 3}


def test_options_from_a_project_file() -> None:
    built = build_provider("google", {"limit": 50, "heed_robots_txt": False}, FETCH)
    assert built == GoogleProvider(limit=50, heed_robots_txt=False, fetch=FETCH)
    with pytest.raises(ProviderError, match="heed_robots_txt = 'no'; expected true or false"):
        build_provider("google", {"heed_robots_txt": "no"}, FETCH)
