import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from loopback import Handler, LoopbackServer
from pictures import jpeg

from collectors.fetch import robots
from collectors.fetch.connection import Deadline
from collectors.fetch.fetched import FetchFailure, FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.fetch.robots import LARGEST, Robots, parse_robots_txt
from collectors.outcomes import Outcome

SETTINGS = FetchSettings(total_seconds=20, requests_per_second=10_000, allow_loopback=True)


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(SETTINGS) as opened:
        yield opened


@pytest.fixture
def elsewhere() -> Iterator[LoopbackServer]:
    """Serve a second site: another port is another site."""
    with LoopbackServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.stopping.set()
        running.shutdown()
        thread.join()


def put_rules(server: LoopbackServer, text: str) -> str:
    server.put("/robots.txt", text.encode())
    return server.put("/photos/a.jpg", jpeg())


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: *\nDisallow: /",
        "User-agent: *\nDisallow: /photos/",
        "User-agent: ephyra\nDisallow: /*.jpg$",
        "User-agent: EPHYRA/0.1\nDisallow: /photos",
        "User-agent: other\nUser-agent: Ephyra\nDisallow: /\n\nUser-agent: *\nAllow: /",
        "\ufeffUser-agent: *\r\nDisallow: /",
    ],
)
def test_a_site_that_keeps_us_out(server: LoopbackServer, fetcher: Fetcher, text: str) -> None:
    fetched = fetcher.fetch(put_rules(server, text))
    assert fetched.failure == Outcome.REFUSED_ROBOTS
    assert not fetched.failure.retryable
    assert server.url("/robots.txt") in fetched.detail
    assert server.asked("/photos/a.jpg") == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "User-agent: *\nDisallow:",
        "User-agent: *\nDisallow: /private/",
        "User-agent: other\nDisallow: /",
        "User-agent: e\nDisallow: /",  # a shorter name is another agent
        "User-agent: ephyra-something\nDisallow: /",
        "User-agent: *\nDisallow: /\n\nUser-agent: ephyra\nAllow: /photos/",
        "User-agent: *\nDisallow: /\nAllow: /photos/a",
        "<!doctype html><p>not here",
    ],
)
def test_a_site_that_lets_us_in(server: LoopbackServer, fetcher: Fetcher, text: str) -> None:
    assert fetcher.fetch(put_rules(server, text)).data == jpeg()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_without_a_robots_txt_nothing_is_forbidden(
    server: LoopbackServer, fetcher: Fetcher, status: int
) -> None:
    server.put("/robots.txt", b"User-agent: *\nDisallow: /", status)
    assert fetcher.fetch(server.put("/a.jpg", jpeg())).data == jpeg()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(500, Outcome.SERVER_ERROR), (503, Outcome.SERVER_ERROR), (429, Outcome.RATE_LIMITED)],
)
def test_a_site_whose_rules_cannot_be_had_is_left_alone_for_now(
    server: LoopbackServer, fetcher: Fetcher, status: int, outcome: Outcome
) -> None:
    server.put("/robots.txt", b"", status)
    for path in ("/a.jpg", "/b.jpg"):
        fetched = fetcher.fetch(server.put(path, jpeg()))
        assert fetched.failure == outcome
        assert fetched.failure.retryable
        assert "could not be fetched" in fetched.detail
        assert server.asked(path) == 0
    assert server.asked("/robots.txt") == 1


def test_a_site_that_breaks_off_is_left_alone_too(server: LoopbackServer, fetcher: Fetcher) -> None:
    server.page("/robots.txt", lambda handler: handler.reset())
    fetched = fetcher.fetch(server.put("/a.jpg", jpeg()))
    assert fetched.failure == Outcome.CONNECTION_FAILED
    assert server.asked("/a.jpg") == 0


def put_redirects(server: LoopbackServer, count: int) -> None:
    server.put("/robots.txt", b"", 301, {"Location": "/hop1"})
    for number in range(1, count):
        server.put(f"/hop{number}", b"", 302, {"Location": f"/hop{number + 1}"})
    server.put(f"/hop{count}", b"User-agent: *\nDisallow: /")


def test_five_redirects_are_followed_and_six_are_not(
    server: LoopbackServer, elsewhere: LoopbackServer, fetcher: Fetcher
) -> None:
    put_redirects(server, 5)
    put_redirects(elsewhere, 6)
    assert fetcher.fetch(server.put("/a.jpg", jpeg())).failure == Outcome.REFUSED_ROBOTS
    assert fetcher.fetch(elsewhere.put("/a.jpg", jpeg())).data == jpeg()


def test_rules_are_asked_once_by_all_threads(server: LoopbackServer, fetcher: Fetcher) -> None:
    urls = [server.put(f"/{number}.jpg", jpeg()) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert all(fetched.data == jpeg() for fetched in pool.map(fetcher.fetch, urls))
    assert server.asked("/robots.txt") == 1


def test_after_a_day_they_are_asked_again(
    server: LoopbackServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = put_rules(server, "User-agent: *\nDisallow:")
    monkeypatch.setattr(robots, "_KEPT_SECONDS", 0.0)
    for _ in range(3):
        assert fetcher.fetch(url).data == jpeg()
    assert server.asked("/robots.txt") == 3


def test_a_redirect_is_judged_by_the_site_it_leads_to(
    server: LoopbackServer, elsewhere: LoopbackServer, fetcher: Fetcher
) -> None:
    target = put_rules(elsewhere, "User-agent: *\nDisallow: /photos/")
    fetched = fetcher.fetch(server.put("/start", b"", 302, {"Location": target}))
    assert fetched.failure == Outcome.REFUSED_ROBOTS
    assert elsewhere.asked("/photos/a.jpg") == 0


def test_only_the_beginning_of_an_endless_file_is_read(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    def page(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"User-agent: *\nDisallow: /photos/\n")
        while True:
            handler.wfile.write(b"# and so on and so on\n" * 1000)

    url = put_rules(server, "")
    server.page("/robots.txt", page)
    assert fetcher.fetch(url).failure == Outcome.REFUSED_ROBOTS


def test_rules_beyond_the_limit_are_not_read(server: LoopbackServer, fetcher: Fetcher) -> None:
    late = "#" * LARGEST + "\nUser-agent: *\nDisallow: /"
    assert fetcher.fetch(put_rules(server, late)).data == jpeg()


def test_an_x_robots_tag_does_not_concern_robots_txt(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    url = server.put("/a.jpg", jpeg())
    server.put("/robots.txt", b"User-agent: *\nDisallow: /", 200, {"X-Robots-Tag": "noindex"})
    assert fetcher.fetch(url).failure == Outcome.REFUSED_ROBOTS


def test_a_crawl_delay_longer_than_a_fetch_keeps_us_out(
    server: LoopbackServer, fetcher: Fetcher
) -> None:
    fetched = fetcher.fetch(put_rules(server, "User-agent: *\nCrawl-delay: 21"))
    assert fetched.failure == Outcome.REFUSED_ROBOTS
    assert "21 s between requests" in fetched.detail


def test_a_crawl_delay_is_kept(server: LoopbackServer, fetcher: Fetcher) -> None:
    url = put_rules(server, "User-agent: *\nCrawl-delay: 0.2")
    milliseconds = sum(fetcher.fetch(url).milliseconds for _ in range(3))
    assert milliseconds >= 400


def test_apis_are_asked_by_their_own_terms(server: LoopbackServer) -> None:
    headers = {"X-Robots-Tag": "noindex", "tdm-reservation": "1"}
    put_rules(server, "User-agent: *\nDisallow: /")
    url = server.put("/api", b"{}", 200, headers)
    with Fetcher(SETTINGS.by_own_terms()) as fetcher:
        assert fetcher.fetch(url).data == b"{}"
    assert server.asked("/robots.txt") == 0


def test_a_reservation_of_text_and_data_mining(server: LoopbackServer, fetcher: Fetcher) -> None:
    reserved = {"tdm-reservation": "1", "tdm-policy": "https://bay.example/policy.json"}
    fetched = fetcher.fetch(server.put("/a.jpg", jpeg(), 200, reserved))
    assert fetched.failure == Outcome.REFUSED_TDM
    assert "https://bay.example/policy.json" in fetched.detail
    assert not fetched.failure.retryable
    free = server.put("/b.jpg", jpeg(), 200, {"tdm-reservation": "0"})
    assert fetcher.fetch(free).data == jpeg()


def test_the_switch(server: LoopbackServer) -> None:
    url = put_rules(server, "User-agent: *\nDisallow: /")
    with Fetcher(replace(SETTINGS, heed_robots_txt=False)) as fetcher:
        assert fetcher.fetch(url).data == jpeg()


def test_rules_for_thousands_of_agents_take_no_time_and_no_memory() -> None:
    """Kept apart, 20,000 agents with 20,000 rules each would be 400 million rules."""
    agents = "".join(f"User-agent: bot{number}\n" for number in range(20_000))
    rules = "".join(f"Disallow: /{number}\n" for number in range(20_000))
    parsed = parse_robots_txt(f"{agents}User-agent: *\n{rules}".encode())
    assert len(parsed._user_agents) == 2
    assert not parsed.can_fetch("http://host/7", "ephyra")
    assert parsed.can_fetch("http://host/x", "ephyra")


def test_large_files_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robots, "_MOST_TEXT", 1000)
    asked: list[str] = []

    def read(url: str) -> bytes:
        asked.append(url)
        return b"User-agent: *\nDisallow: /no\n".ljust(600, b"#")

    known, deadline = Robots(), Deadline(60)
    for site in ("a", "b", "b", "a"):
        assert known.check(f"http://{site}/yes", read, deadline) == 0
        with pytest.raises(FetchFailure):
            known.check(f"http://{site}/no", read, deadline)
    assert asked == [f"http://{site}/robots.txt" for site in ("a", "b", "a")]
