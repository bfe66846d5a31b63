"""Servers on this machine: only those that were named, and never because another host says so."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from loopback import LoopbackServer
from pictures import jpeg

from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.fetch.network_guard import parse_origin, require_loopback
from collectors.outcomes import Outcome

FETCH = FetchSettings(total_seconds=20, requests_per_second=10_000, burst=10_000)


@pytest.fixture
def other() -> Iterator[LoopbackServer]:
    """Another server of this machine, which nobody named."""
    with LoopbackServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.put("/secret.jpg", jpeg())
        yield running
        running.stopping.set()
        running.shutdown()
        thread.join()


def admitting(*servers: LoopbackServer, robots: bool = False) -> FetchSettings:
    origins = tuple(parse_origin(server.url("/")) for server in servers)
    return replace(FETCH, allow_loopback=origins, heed_robots_txt=robots)


def to_this_machine(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def test_a_named_server_is_asked_and_no_other_port(
    server: LoopbackServer, other: LoopbackServer
) -> None:
    with Fetcher(admitting(server)) as fetcher:
        assert fetcher.fetch(server.put("/a.jpg", jpeg())).data == jpeg()
        refused = fetcher.fetch(other.url("/secret.jpg"))
    assert refused.failure == Outcome.REFUSED_ADDRESS
    assert "allow_loopback" in refused.detail
    assert other.asked("/secret.jpg") == 0


@pytest.mark.parametrize("robots", [False, True])
def test_a_named_server_cannot_send_us_to_another_port(
    server: LoopbackServer, other: LoopbackServer, robots: bool
) -> None:
    url = server.put("/a.jpg", b"", 302, {"Location": other.url("/secret.jpg")})
    with Fetcher(admitting(server, robots=robots)) as fetcher:
        assert fetcher.fetch(url).failure == Outcome.REFUSED_ADDRESS
    assert (other.asked("/secret.jpg"), other.asked("/robots.txt")) == (0, 0)


@pytest.mark.parametrize("robots", [False, True])
@pytest.mark.parametrize("kept_open", [False, True])
def test_another_host_cannot_send_us_to_a_named_server(
    server: LoopbackServer, other: LoopbackServer, robots: bool, kept_open: bool
) -> None:
    """Not over a connection either that is still open to it."""
    other.put("/robots.txt", b"")
    url = server.put("/a.jpg", b"", 302, {"Location": other.url("/secret.jpg")})
    away = url.replace("127.0.0.1", "far.example")
    far = f"far.example:{server.server_port}"
    near = admitting(other, robots=robots)
    settings = replace(near, allow_loopback=(far, *near.allow_loopback))  # type: ignore[misc]
    with Fetcher(settings, to_this_machine) as fetcher:
        if kept_open:
            assert fetcher.fetch(other.url("/secret.jpg")).data == jpeg()
        before = other.asked("/secret.jpg"), other.asked("/robots.txt")
        assert fetcher.fetch(away).failure == Outcome.REFUSED_ADDRESS
        assert (other.asked("/secret.jpg"), other.asked("/robots.txt")) == before
        # and what was refused there is no word on the server itself
        assert fetcher.fetch(other.url("/secret.jpg")).data == jpeg()


def test_a_way_back_through_another_host_is_refused_as_well(server: LoopbackServer) -> None:
    port = server.server_port
    server.put("/last.jpg", jpeg())
    server.put("/there", b"", 302, {"Location": server.url("/last.jpg")})
    first = server.put("/first", b"", 302, {"Location": f"http://far.example:{port}/there"})
    origins = (f"127.0.0.1:{port}", f"far.example:{port}")
    settings = replace(FETCH, allow_loopback=origins, heed_robots_txt=False)
    with Fetcher(settings, to_this_machine) as fetcher:
        assert fetcher.fetch(first).failure == Outcome.REFUSED_ADDRESS
    assert server.asked("/last.jpg") == 0


def test_redirects_within_a_named_server_are_followed(server: LoopbackServer) -> None:
    server.put("/b.jpg", jpeg())
    url = server.put("/a.jpg", b"", 302, {"Location": "/b.jpg"})
    with Fetcher(admitting(server, robots=True)) as fetcher:
        assert fetcher.fetch(url).data == jpeg()


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "localhost", "rebound.example"])
def test_another_name_of_a_named_server_is_not_named(server: LoopbackServer, host: str) -> None:
    server.put("/a.jpg", jpeg())
    with Fetcher(admitting(server), to_this_machine) as fetcher:
        fetched = fetcher.fetch(f"http://{host}:{server.server_port}/a.jpg")
    assert fetched.failure == Outcome.REFUSED_ADDRESS
    assert server.asked("/a.jpg") == 0


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://LOCALHOST:8000/search", "localhost:8000"),
        ("http://localhost/", "localhost:80"),
        ("[::1]:8000", "::1:8000"),
    ],
)
def test_origins(text: str, origin: str) -> None:
    assert parse_origin(text) == origin
    require_loopback(origin)


@pytest.mark.parametrize("text", ["", "localhost", "127.0.0.1:0", "127.0.0.1:x", "[::1", ":80"])
def test_what_names_no_origin(text: str) -> None:
    with pytest.raises(ValueError):
        parse_origin(text)


def test_private_networks_cannot_be_admitted() -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        require_loopback("192.168.0.1:80")
    settings = replace(FETCH, allow_loopback=("nas.example:80",))
    with Fetcher(settings, lambda _host, _port: ["192.168.0.1"]) as fetcher:
        assert fetcher.fetch("http://nas.example/").failure == Outcome.REFUSED_ADDRESS
