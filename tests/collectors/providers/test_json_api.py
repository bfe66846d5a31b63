import json
from itertools import islice

import pytest
from loopback import Handler, LoopbackServer

from collectors.fetch.fetched import FetchSettings
from collectors.providers.json_api import Fields, JsonApi
from data_registry.errors import ProviderError

FETCH = FetchSettings(
    total_seconds=5, pause_seconds=0.01, requests_per_second=10_000, allow_loopback=True
)


def api_of(server: LoopbackServer, pages: dict[int, object]) -> JsonApi:
    def page(handler: Handler) -> None:
        handler.answer(json.dumps(pages[int(handler.query["page"])]).encode())

    server.page("/api", page)
    return JsonApi("the herbarium", FETCH)


def following(page: Fields) -> str:
    return page.text("next")


def test_pages_are_asked_for_when_they_are_needed(server: LoopbackServer) -> None:
    pages = {k: {"next": server.url(f"/api?page={k + 1}"), "leaves": []} for k in range(5)}
    with api_of(server, pages) as api:
        found = list(islice(api.pages(server.url("/api?page=0"), following), 3))
    assert [page.url for page in found] == [server.url(f"/api?page={k}") for k in range(3)]
    assert server.asked("/api") == 3


def test_pages_in_a_circle(server: LoopbackServer) -> None:
    pages = {k: {"next": server.url(f"/api?page={1 - k}")} for k in range(2)}
    with (
        api_of(server, pages) as api,
        pytest.raises(ProviderError, match="comes again as the next page"),
    ):
        list(api.pages(server.url("/api?page=0"), following))
    assert server.asked("/api") == 2


def test_an_api_is_asked_by_its_own_terms(server: LoopbackServer) -> None:
    """What is said to crawlers of pages is not said to who uses the API."""
    server.put("/robots.txt", b"User-agent: *\nDisallow: /\n")
    refusals = {"X-Robots-Tag": "noai, noindex", "tdm-reservation": "1"}
    url = server.put("/api", b'{"a": 1}', 200, refusals)
    with JsonApi("the herbarium", FETCH) as api:
        assert api.ask(url).number("a") == 1
    assert server.asked("/robots.txt") == 0


def test_a_server_that_asks_to_slow_down_is_asked_again(server: LoopbackServer) -> None:
    answers = iter([(b"", 429, {"Retry-After": "0"}), (b'{"a": "x"}', 200, {})])
    url = server.page("/api", lambda handler: handler.answer(*next(answers)))
    with JsonApi("the herbarium", FETCH) as api:
        assert api.ask(url).text("a") == "x"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 429, "the herbarium at .* does not answer: rate_limited"),
        (b"{}", 500, "the herbarium at .* does not answer: server_error"),
        (b"{}", 401, "does not answer: http_error .*401"),
        (b"<!doctype html><title>Sign in</title>", 200, "found b'<!doctype html>.*expected JSON"),
        (b'{"cut": [1, 2', 200, "expected JSON"),
    ],
)
def test_answers_that_are_none(server: LoopbackServer, body: bytes, status: int, said: str) -> None:
    url = server.put("/api", body, status, {"Retry-After": "0"})
    with JsonApi("the herbarium", FETCH) as api, pytest.raises(ProviderError, match=said):
        api.ask(url)


def test_fields_that_are_there_or_not() -> None:
    fields = Fields({"a": "x", "n": 7, "yes": True, "less": -1, "in": {"b": "y"}}, "http://host")
    assert (fields.text("a"), fields.text("lost")) == ("x", "")
    assert [fields.number(key) for key in ("n", "yes", "less", "a", "lost")] == [7, 0, 0, 0, 0]
    assert (fields.part("in").text("b"), fields.part("lost").text("b")) == ("y", "")


@pytest.mark.parametrize("value", [{"a": 5}, {"a": ["x"]}, [], "text", None], ids=str)
def test_a_text_of_another_shape(value: object) -> None:
    with pytest.raises(ProviderError, match="http://host does not have the expected shape"):
        Fields(value, "http://host").text("a")


@pytest.mark.parametrize("value", [[], {}, {"list": {}}, {"list": ["x"]}, {"list": [{"id": None}]}])
def test_a_list_of_another_shape(value: object) -> None:
    with pytest.raises(ProviderError, match="http://host does not have the expected shape"):
        Fields(value, "http://host").parts("list", required="id")
