import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from loopback import Handler, LoopbackServer
from pictures import jpeg

from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher, format_user_agent
from collectors.outcomes import Outcome

QUICK = FetchSettings(
    connect_seconds=10,
    read_seconds=10,
    total_seconds=20,
    max_bytes=200_000,
    pause_seconds=0.01,
    requests_per_second=10_000,
    heed_robots_txt=False,
    allow_loopback=True,
)
IMPATIENT = replace(QUICK, total_seconds=0.4)


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(QUICK) as opened:
        yield opened


@pytest.fixture
def impatient() -> Iterator[Fetcher]:
    with Fetcher(IMPATIENT) as opened:
        yield opened


def test_bytes_arrive_unchanged(server: LoopbackServer, fetcher: Fetcher) -> None:
    url = server.put("/a.jpg", jpeg())
    fetched = fetcher.fetch(url)
    assert (fetched.failure, fetched.data, fetched.status) == (None, jpeg(), 200)
    assert fetched.byte_count == len(jpeg())
    assert fetched.detail == ""


def test_we_say_who_we_are(server: LoopbackServer) -> None:
    with Fetcher(replace(QUICK, contact="Ann Ö\r\nX: y <ann@example.org>")) as fetcher:
        fetcher.fetch(server.put("/a.jpg", jpeg()))
    assert server.agents == [format_user_agent("Ann Ö\r\nX: y <ann@example.org>")]
    assert server.agents[0].startswith("ephyra/")
    assert "<ann@example.org>" in server.agents[0]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (404, Outcome.NOT_FOUND),
        (410, Outcome.NOT_FOUND),
        (403, Outcome.HTTP_ERROR),
        (304, Outcome.HTTP_ERROR),
        (301, Outcome.HTTP_ERROR),  # without a Location
        (500, Outcome.SERVER_ERROR),
        (503, Outcome.SERVER_ERROR),
        (429, Outcome.RATE_LIMITED),
    ],
)
def test_statuses(server: LoopbackServer, fetcher: Fetcher, status: int, outcome: Outcome) -> None:
    fetched = fetcher.fetch(server.put("/a.jpg", b"", status))
    assert (fetched.failure, fetched.status) == (outcome, status)
    assert str(status) in fetched.detail


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: LoopbackServer, fetcher: Fetcher, status: int) -> None:
    server.put("/%C3%A9.jpg", jpeg())
    utf8 = "é.jpg".encode().decode("latin-1")  # as servers send it, against the standard
    server.put("/hop", b"", 302, {"Location": utf8})
    url = server.put("/start", b"gone", status, {"Location": server.url("/hop")})
    assert fetcher.fetch(url).data == jpeg()


def test_endless_redirects(server: LoopbackServer, fetcher: Fetcher) -> None:
    url = server.put("/loop", b"", 302, {"Location": "/loop"})
    assert fetcher.fetch(url).failure == Outcome.TOO_MANY_REDIRECTS
    assert server.asked("/loop") == QUICK.max_redirects + 1


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/a",
        "http://user:secret@127.0.0.1/a",
        "//[bad",
        "http://a..b/",
        "data:,x",
    ],
)
def test_redirects_to_what_is_not_fetched(
    server: LoopbackServer, fetcher: Fetcher, target: str
) -> None:
    fetched = fetcher.fetch(server.put("/start", b"", 302, {"Location": target}))
    assert fetched.failure == Outcome.UNSUPPORTED_URL
    assert "secret" not in fetched.detail


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://u:p@host/", "http://a..b/", "x", ""])
def test_urls_that_are_not_fetched(fetcher: Fetcher, url: str) -> None:
    fetched = fetcher.fetch(url)
    assert (fetched.failure, fetched.status) == (Outcome.UNSUPPORTED_URL, 0)
    assert fetched.detail


def test_a_redirect_with_an_endless_body_is_not_read(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    server.put("/a.jpg", jpeg())

    def page(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/a.jpg")
        handler.end_headers()
        handler.drip(bytes(100_000))

    assert fetcher.fetch(server.page("/start", page)).data == jpeg()


def drip_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.drip(b"x")


def drip_chunks(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.drip(b"1\r\nx\r\n")


def drip_one_header(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    handler.drip(b"x")


def drip_status_line(handler: Handler) -> None:
    handler.drip(b"H")


def drip_gzip(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(gzip.compress(b"")[:10])
    handler.drip(b"\x00")


def say_nothing(handler: Handler) -> None:
    handler.server.stopping.wait(3)


@pytest.mark.parametrize(
    "page", [drip_body, drip_chunks, drip_one_header, drip_status_line, say_nothing]
)
def test_a_slow_drip_does_not_escape_the_deadline(
    server: LoopbackServer, impatient: Fetcher, page: Callable[[Handler], None]
) -> None:
    # the server goes on until the client leaves: without a deadline this test does not end
    fetched = impatient.fetch(server.page("/slow", page))
    assert fetched.failure == Outcome.TIMEOUT
    assert fetched.failure.retryable


def test_a_dripped_gzip_ends_too(server: LoopbackServer, impatient: Fetcher) -> None:
    fetched = impatient.fetch(server.page("/slow", drip_gzip))
    assert fetched.failure in (Outcome.TIMEOUT, Outcome.BROKEN_ENCODING)


def test_the_read_timeout_ends_a_silence_before_the_deadline(server: LoopbackServer) -> None:
    with Fetcher(replace(QUICK, read_seconds=0.2, total_seconds=600)) as fetcher:
        assert fetcher.fetch(server.page("/silent", say_nothing)).failure == Outcome.TIMEOUT


def test_an_announced_size_over_the_cap_is_not_downloaded(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    def page(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "400000000")
        handler.end_headers()

    fetched = fetcher.fetch(server.page("/huge.jpg", page))
    assert (fetched.failure, fetched.byte_count) == (Outcome.TOO_LARGE, 0)


def test_an_unannounced_endless_body_is_cut_at_the_cap(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    def page(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(10_000))

    fetched = fetcher.fetch(server.page("/endless.jpg", page))
    assert fetched.failure == Outcome.TOO_LARGE
    assert QUICK.max_bytes < fetched.byte_count <= QUICK.max_bytes + 65536


def test_a_gzip_bomb_is_cut_at_the_cap_of_decoded_bytes(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < QUICK.max_bytes
    fetched = fetcher.fetch(server.put("/bomb.jpg", bomb, 200, {"Content-Encoding": "gzip"}))
    assert fetched.failure == Outcome.ENCODING_BOMB
    assert fetched.byte_count <= QUICK.max_bytes + 65536


def test_a_body_that_was_encoded_all_the_same_is_decoded(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    url = server.put("/a.jpg", gzip.compress(jpeg()), 200, {"Content-Encoding": "gzip"})
    assert fetcher.fetch(url).data == jpeg()


def test_a_body_that_is_not_what_its_encoding_says(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    url = server.put("/a.jpg", jpeg(), 200, {"Content-Encoding": "gzip"})
    assert fetcher.fetch(url).failure == Outcome.BROKEN_ENCODING


def end_early(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def reset_in_the_body(handler: Handler) -> None:
    end_early(handler)
    handler.reset()


def reset_at_once(handler: Handler) -> None:
    handler.reset()


def too_many_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n")


def too_long_a_header(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\n")


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    "page",
    [end_early, reset_in_the_body, reset_at_once, too_many_headers, too_long_a_header, no_http],
)
def test_broken_connections(
    server: LoopbackServer, fetcher: Fetcher, page: Callable[[Handler], None]
) -> None:
    fetched = fetcher.fetch(server.page("/broken", page))
    assert fetched.failure == Outcome.CONNECTION_FAILED
    assert fetched.detail


def test_nobody_listens(fetcher: Fetcher) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    fetched = fetcher.fetch(f"http://127.0.0.1:{port}/")
    assert fetched.failure == Outcome.CONNECTION_FAILED
    assert fetched.detail == "no connection to 127.0.0.1: [Errno 111] Connection refused"


def test_https_to_a_server_that_speaks_none(server: LoopbackServer, fetcher: Fetcher) -> None:
    url = server.url("/a.jpg").replace("http:", "https:")
    assert fetcher.fetch(url).failure == Outcome.CONNECTION_FAILED


def after(times: int, status: int, headers: dict[str, str]) -> Callable[[Handler], None]:
    """Serve a page that refuses a few times and then gives a photo."""
    left = iter(range(times))

    def page(handler: Handler) -> None:
        if next(left, None) is None:
            handler.answer(jpeg())
        else:
            handler.answer(b"later", status, headers)

    return page


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0"},
        {"Retry-After": format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)},
        {"Retry-After": "when the tide is out"},
        {},
    ],
)
def test_a_server_that_asks_to_wait_is_asked_again(
    server: LoopbackServer, fetcher: Fetcher, status: int, headers: dict[str, str]
) -> None:
    fetched = fetcher.fetch(server.page("/busy.jpg", after(2, status, headers)))
    assert fetched.data == jpeg()
    assert server.asked("/busy.jpg") == 3


def test_waiting_counts_what_the_server_said(server: LoopbackServer, fetcher: Fetcher) -> None:
    fetched = fetcher.fetch(server.page("/busy.jpg", after(1, 429, {"Retry-After": "1"})))
    assert fetched.data == jpeg()
    assert fetched.milliseconds >= 1000


def test_tries_are_few(server: LoopbackServer, fetcher: Fetcher) -> None:
    url = server.put("/busy.jpg", b"", 429, {"Retry-After": "0"})
    assert fetcher.fetch(url).failure == Outcome.RATE_LIMITED
    assert server.asked("/busy.jpg") == QUICK.tries


def test_a_wait_longer_than_the_deadline_is_not_begun(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    fetched = fetcher.fetch(server.put("/busy.jpg", b"", 429, {"Retry-After": "86400"}))
    assert fetched.failure == Outcome.RATE_LIMITED
    assert "86400" in fetched.detail
    assert server.asked("/busy.jpg") == 1


def test_a_stopped_fetcher_waits_for_nobody(server: LoopbackServer) -> None:
    with Fetcher(replace(QUICK, total_seconds=600)) as fetcher:
        asked = threading.Event()

        def page(handler: Handler) -> None:
            handler.answer(b"", 429, {"Retry-After": "500"})
            asked.set()

        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(fetcher.fetch, server.page("/busy.jpg", page))
            asked.wait()
            fetcher.stop()
            assert future.result().failure == Outcome.RATE_LIMITED


def test_x_robots_tag(server: LoopbackServer, fetcher: Fetcher) -> None:
    refused = server.put("/no.jpg", jpeg(), 200, {"X-Robots-Tag": "noai, noimageai"})
    allowed = server.put("/yes.jpg", jpeg(), 200, {"X-Robots-Tag": "otherbot: noindex"})
    assert fetcher.fetch(refused).failure == Outcome.REFUSED_NOAI
    assert fetcher.fetch(allowed).data == jpeg()


def test_proxies_and_passwords_of_the_environment_are_not_used(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    sent: list[str | None] = []

    def page(handler: Handler) -> None:
        sent.append(handler.headers.get("Authorization"))
        handler.answer(jpeg())

    with Fetcher(QUICK) as fetcher:
        assert fetcher.fetch(server.page("/a.jpg", page)).data == jpeg()
    assert sent == [None]


def test_cookies_are_not_kept(server: LoopbackServer, fetcher: Fetcher) -> None:
    sent: list[str | None] = []

    def page(handler: Handler) -> None:
        sent.append(handler.headers.get("Cookie"))
        handler.answer(jpeg(), 200, {"Set-Cookie": "who=you"})

    url = server.page("/a.jpg", page)
    assert fetcher.fetch(url).data == fetcher.fetch(url).data == jpeg()
    assert sent == [None, None]


def test_many_threads_each_keep_a_connection(server: LoopbackServer, fetcher: Fetcher) -> None:
    ports: set[int] = set()

    def page(handler: Handler) -> None:
        ports.add(handler.client_address[1])
        handler.answer(jpeg())

    url = server.page("/a.jpg", page)
    with ThreadPoolExecutor(4) as pool:
        assert all(done.data == jpeg() for done in pool.map(fetcher.fetch, [url] * 40))
    assert 1 <= len(ports) <= 4


def test_after_every_failure_the_same_thread_goes_on(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    good = server.put("/good.jpg", jpeg())
    for page in (end_early, reset_at_once, no_http, too_many_headers):
        fetcher.fetch(server.page("/bad", page))
        assert fetcher.fetch(good).data == jpeg()
