"""A server that does its worst, and damaged images by the thousand: nothing good is lost."""

import gzip
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from bad_pictures import (
    exif_bomb,
    gif_script,
    large_png,
    multi_picture_bomb,
    profile_bomb,
    scan_bomb,
    svg,
    text_bomb,
    tiff_bomb,
    wide_tiles_tiff,
    zipped_behind,
)
from loopback import Handler, LoopbackServer
from pictures import bomb_png, encoded, jpeg, photo
from PIL import Image

from collectors.candidate import Candidate
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.outcomes import Outcome
from data_registry import Registry
from data_registry.images.hashing import compute_sha256
from data_registry.images.records import Source
from data_registry.text.secrets import hide_login

FETCH = FetchSettings(
    connect_seconds=3,
    read_seconds=3,
    total_seconds=5,
    pause_seconds=0.01,
    requests_per_second=10_000,
    per_host=16,
    allow_loopback=True,
)
SETTINGS = CollectSettings(fetch=FETCH, threads=16)


class Given:
    """Gives the URLs it was given; `bay` is the query of those that must be stored."""

    name = "given"

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self.items = items

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        for query, url in self.items:
            yield Candidate(Source(provider=self.name, url=url, query=query))


def send(*pieces: bytes, then: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """Serve a page that writes these bytes itself and ends its own way."""

    def page(handler: Handler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        handler.close_connection = True
        then(handler)

    return page


def endless(handler: Handler) -> None:
    while True:
        handler.wfile.write(bytes(1_000_000))


def closed_port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port: int = closed.getsockname()[1]
    return port


OK = b"HTTP/1.1 200 OK\r\n"
ZIPPED = {"Content-Encoding": "gzip"}
IMAGE = {"Content-Type": "image/jpeg"}


def of_the_network(server: LoopbackServer) -> dict[str, Outcome]:
    """List what servers do, and the name that each must get."""

    def redirect(path: str, target: str) -> str:
        return server.put(path, b"", 302, {"Location": target})

    def page(path: str, *pieces: bytes, then: Callable[[Handler], None]) -> str:
        return server.page(path, send(*pieces, then=then))

    nothing = lambda handler: None  # noqa: E731 - the end of most pages
    announced = OK + b"Content-Length: 400000000\r\n\r\n"
    return {
        "file:///etc/passwd": Outcome.UNSUPPORTED_URL,
        "http://user:secret@127.0.0.1/": Outcome.UNSUPPORTED_URL,
        "ftp://127.0.0.1/a.jpg": Outcome.UNSUPPORTED_URL,
        redirect("/to-file.jpg", "file:///etc/passwd"): Outcome.UNSUPPORTED_URL,
        redirect("/round.jpg", "/round.jpg"): Outcome.TOO_MANY_REDIRECTS,
        "http://10.0.0.1/a.jpg": Outcome.REFUSED_ADDRESS,
        "http://169.254.169.254/latest/meta-data": Outcome.REFUSED_ADDRESS,
        redirect("/to-private.jpg", "http://192.168.1.1/a.jpg"): Outcome.REFUSED_ADDRESS,
        redirect("/to-zero.jpg", "http://0.0.0.0/a.jpg"): Outcome.REFUSED_ADDRESS,
        redirect("/to-ipv6.jpg", "http://[::ffff:10.0.0.1]/a.jpg"): Outcome.REFUSED_ADDRESS,
        f"http://127.0.0.1:{closed_port()}/a.jpg": Outcome.CONNECTION_FAILED,
        page("/400mb.jpg", announced, then=endless): Outcome.TOO_LARGE,
        page("/endless.jpg", OK + b"\r\n", then=endless): Outcome.TOO_LARGE,
        server.put("/gzip.jpg", gzip.compress(bytes(60_000_000)), 200, ZIPPED): (
            Outcome.ENCODING_BOMB
        ),
        server.put("/no-gzip.jpg", jpeg(), 200, ZIPPED): Outcome.BROKEN_ENCODING,
        page("/drip.jpg", OK + b"\r\n", then=lambda h: h.drip(b"x")): Outcome.TIMEOUT,
        page("/drip-header.jpg", OK, then=lambda h: h.drip(b"X")): Outcome.TIMEOUT,
        page("/reset.jpg", then=lambda h: h.reset()): Outcome.CONNECTION_FAILED,
        page("/reset-late.jpg", announced, bytes(9000), then=lambda h: h.reset()): (
            Outcome.TOO_LARGE
        ),
        page("/half.jpg", OK + b"Content-Length: 900\r\n\r\nhalf", then=nothing): (
            Outcome.CONNECTION_FAILED
        ),
        page("/headers.jpg", OK + b"X-A: b\r\n" * 500 + b"\r\n", then=nothing): (
            Outcome.CONNECTION_FAILED
        ),
        page("/long-header.jpg", OK + b"X: " + b"a" * 90_000, then=nothing): (
            Outcome.CONNECTION_FAILED
        ),
        page("/ssh.jpg", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", then=nothing): Outcome.CONNECTION_FAILED,
        server.put("/404.jpg", b"", 404): Outcome.NOT_FOUND,
        server.put("/500.jpg", b"", 500): Outcome.SERVER_ERROR,
        server.put("/418.jpg", b"", 418): Outcome.HTTP_ERROR,
        server.put("/429.jpg", b"", 429, {"Retry-After": "0"}): Outcome.RATE_LIMITED,
        server.put("/503.jpg", b"", 503): Outcome.SERVER_ERROR,
        server.put("/noai.jpg", jpeg(), 200, {"X-Robots-Tag": "noai"}): Outcome.REFUSED_NOAI,
        server.put("/tdm.jpg", jpeg(), 200, {"tdm-reservation": "1"}): Outcome.REFUSED_TDM,
        server.put("/private/a.jpg", jpeg()): Outcome.REFUSED_ROBOTS,
        server.put("/page.jpg", b"<!doctype html><p>sorry", 200, IMAGE): Outcome.NOT_AN_IMAGE,
    }


def of_the_files(server: LoopbackServer) -> dict[str, Outcome]:
    """List what files do, and the name that each must get."""
    named = {
        "svg": (svg(), Outcome.VECTOR_IMAGE),
        "pixels": (bomb_png(100_000), Outcome.TOO_MANY_PIXELS),
        "memory": (large_png(6500), Outcome.TOO_MUCH_MEMORY),
        "tiles": (wide_tiles_tiff(), Outcome.TOO_MUCH_MEMORY),
        "text": (text_bomb(), Outcome.METADATA_BOMB),
        "profile": (profile_bomb(), Outcome.METADATA_BOMB),
        "exif": (exif_bomb(), Outcome.METADATA_BOMB),
        "pictures": (multi_picture_bomb(), Outcome.METADATA_BOMB),
        "tags": (tiff_bomb(), Outcome.METADATA_BOMB),
        "scans": (scan_bomb(), Outcome.DECODING_BOMB),
        "script": (gif_script(), Outcome.POLYGLOT),
        "archive": (zipped_behind(jpeg()), Outcome.POLYGLOT),
        "web": (jpeg() + b"<script>1</script>", Outcome.POLYGLOT),
        "cut": (jpeg()[:-300], Outcome.TRUNCATED),
        "cut-png": (encoded(photo(), "PNG")[:-3000], Outcome.TRUNCATED),
        "empty": (b"", Outcome.NOT_AN_IMAGE),
        "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", Outcome.NOT_AN_IMAGE),
        "tiny": (jpeg(width=40, height=40), Outcome.TOO_SMALL),
        "banner": (jpeg(width=900, height=80), Outcome.TOO_NARROW),
        "blank": (encoded(Image.new("RGB", (200, 200), "white")), Outcome.BLANK),
    }
    return {
        server.put(f"/{name}", data, 200, IMAGE): outcome for name, (data, outcome) in named.items()
    }


def outcomes_of(registry: Registry) -> dict[str, str]:
    return {url: seen.outcome for (_, url), seen in registry.load_last_attempts("given").items()}


def test_every_bad_case_has_its_name_and_every_good_image_is_stored(
    registry: Registry, server: LoopbackServer
) -> None:
    server.put("/robots.txt", b"User-agent: *\nDisallow: /private/")
    bad = {**of_the_network(server), **of_the_files(server)}
    good = {
        server.put(f"/good{k}", jpeg(seed=k), 200): compute_sha256(jpeg(seed=k)) for k in range(80)
    }
    items = [*(("sea", url) for url in bad), *(("bay", url) for url in good)]
    random.Random(4).shuffle(items)
    summary = collect(registry, Given(items), [], SETTINGS)

    found = outcomes_of(registry)
    assert {url: found[hide_login(url)] for url in bad} == bad  # rows keep no password
    assert summary.by_query["bay"] == {"stored": len(good)}
    assert registry.find_known_images() == set(good.values())


def test_wrong_content_types_and_names_do_not_matter(
    registry: Registry, server: LoopbackServer
) -> None:
    urls = [
        server.put("/a.html", jpeg(seed=1), 200, {"Content-Type": "text/html"}),
        server.put("/b.jpg", encoded(photo(seed=2), "WEBP"), 200, {"Content-Type": "image/gif"}),
        server.put("/c.exe", encoded(photo(seed=3), "PNG"), 200, {"Content-Type": ""}),
    ]
    summary = collect(registry, Given(("bay", url) for url in urls), [], SETTINGS)
    assert summary.outcomes == {"stored": 3}


@pytest.mark.parametrize("status", [429, 503])
def test_a_storm_of_refusals_passes(
    registry: Registry, server: LoopbackServer, status: int
) -> None:
    """Every URL is refused once; all threads wait, and every image arrives."""
    refused: set[str] = set()
    lock = threading.Lock()

    def page(handler: Handler) -> None:
        with lock:
            first = handler.path not in refused
            refused.add(handler.path)
        if first:
            handler.answer(b"", status, {"Retry-After": "0"})
        else:
            handler.answer(jpeg(seed=int(handler.path.strip("/"))))

    urls = [server.page(f"/{number}", page) for number in range(60)]
    patient = CollectSettings(fetch=replace(FETCH, total_seconds=20), threads=16)
    summary = collect(registry, Given(("bay", url) for url in urls), [], patient)
    assert summary.outcomes == {"stored": 60}


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Change the file: a few of its bytes changed, cut, doubled, moved or blotted out."""
    damaged = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        # headers lead decoders astray: half of the damage goes there
        last = len(damaged) - 1
        place = dice.randint(0, min(120, last)) if dice.random() < 0.5 else dice.randint(0, last)
        length = dice.choice([1, 2, 4, 30, 400])
        kind = dice.randrange(6)
        if kind == 0:
            damaged[place] = dice.randrange(256)
        elif kind == 1:
            damaged[place : place + length] = dice.randbytes(length)
        elif kind == 2:
            del damaged[place : place + length]
        elif kind == 3:
            damaged[place:place] = damaged[place : place + length]
        elif kind == 4:
            damaged[place : place + length] = dice.choice([b"\0", b"\xff"]) * length
        else:
            del damaged[max(place, 60) :]
    return bytes(damaged)


def fuzzed(count: int, seed: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    originals = [
        encoded(photo(110, 90, seed=k), kind, **options)
        for k, (kind, options) in enumerate(
            [
                ("JPEG", {"quality": 85}),
                ("JPEG", {"progressive": True}),
                ("PNG", {}),
                ("WEBP", {}),
                ("WEBP", {"lossless": True}),
                ("GIF", {}),
            ]
        )
    ]
    for _ in range(count):
        yield mutated(dice.choice(originals), dice)


def test_a_thousand_damaged_images_harm_nobody(registry: Registry, server: LoopbackServer) -> None:
    damaged = [("sea", server.put(f"/{k}", data)) for k, data in enumerate(fuzzed(1000, seed=2026))]
    good = [("bay", server.put(f"/good{k}", jpeg(seed=k))) for k in range(100)]
    items = [item for k in range(100) for item in (*damaged[10 * k : 10 * k + 10], good[k])]
    summary = collect(registry, Given(items), [], SETTINGS)

    assert summary.by_query["bay"] == {"stored": 100}
    outcomes = summary.by_query["sea"]
    assert sum(outcomes.values()) == 1000
    assert set(outcomes) <= {
        "stored",  # damage that a decoder can read over
        "known",
        "truncated",
        "not_an_image",
        "too_many_pixels",
        "too_much_memory",
        "too_narrow",
        "too_small",
        "blank",
        "metadata_bomb",
        "decoding_bomb",
        "polyglot",
    }
    assert outcomes["truncated"] > 100
    assert outcomes["not_an_image"] > 100


CHILD = """
import sys
from pathlib import Path
from test_hostile_server import SETTINGS, Given
from collectors.collect import collect
from data_registry import Registry

items = [line.split() for line in sys.stdin]
with Registry.open(sys.argv[1]) as registry:
    summary = collect(registry, Given(items), [], SETTINGS)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
print(peak.split()[1], dict(summary.outcomes))
"""


def large_files() -> Iterator[tuple[bytes, dict[str, str]]]:
    """Each costs as much memory as the limits allow, or tries to cost more."""
    dice = random.Random(1)
    for number in range(3):
        yield large_png(6100 - 8 * number), {}
        yield large_png(6100 - 8 * number, "RGBA"), {}
        yield large_png(6400 + number), {}
        yield encoded(photo(2900, 2900 + 8 * number), "WEBP"), {}
        yield encoded(photo(4000, 5000 + 8 * number), progressive=True, quality=60), {}
        yield text_bomb(), {}
        yield bomb_png(100_000 - number), {}
        yield gzip.compress(bytes(60_000_000)), ZIPPED
        for _ in range(4):
            yield dice.randbytes(19_900_000), {}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_sixteen_threads_stay_below_400_megabytes(server: LoopbackServer, tmp_path: Path) -> None:
    """The peak is VmHWM: getrusage's ru_maxrss also counts what this process had when it forked."""
    server.put("/robots.txt", b"User-agent: *\nDisallow: /private/")
    served = list(large_files())
    random.Random(3).shuffle(served)
    urls = [server.put(f"/large{k}", *file[:1], 200, file[1]) for k, file in enumerate(served)]
    good = [server.put(f"/good{k}", jpeg(seed=k)) for k in range(len(urls))]
    lines = [
        f"{query} {url}"
        for pair in zip(urls, good, strict=True)
        for query, url in zip(("sea", "bay"), pair, strict=True)
    ]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "bay")],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests' / 'helpers'}"},
        check=True,
    )
    kilobytes, outcomes = done.stdout.split(maxsplit=1)
    assert f"'stored': {len(good) + 12}" in outcomes
    assert int(kilobytes) < 400 * 1024
