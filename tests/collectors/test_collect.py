import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from loopback import Handler, LoopbackServer
from pictures import bomb_png, encoded, jpeg, photo
from PIL import Image

from collectors.candidate import Candidate
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.ledger import CollectSummary
from collectors.outcomes import Outcome
from collectors.providers.folder import FolderProvider
from data_registry import Registry
from data_registry.errors import ProviderError, StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.images.records import Source
from data_registry.retention.garbage import DiscardableImage, discard
from data_registry.storage import schema

FETCH = FetchSettings(
    connect_seconds=3,
    read_seconds=3,
    total_seconds=3,
    max_bytes=300_000,
    pause_seconds=0.01,
    requests_per_second=10_000,
    allow_loopback=True,
)
SETTINGS = CollectSettings(fetch=FETCH, threads=4, shard_size=5)
ONE_BY_ONE = CollectSettings(fetch=FETCH, threads=1)


class Listed:
    """Gives (query, URL) pairs; an exception among them is raised where it stands."""

    def __init__(self, *items: tuple[str, str] | Candidate | BaseException) -> None:
        self.name = "listed"
        self.items = items

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        for item in self.items:
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, Candidate):
                yield item
            else:
                query, url = item
                yield Candidate(Source(provider=self.name, url=url, query=query, licence="CC0"))


class Counting:
    """A progress that counts."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.done = 0

    def start(self, what: str, total: int | None) -> None:
        self.events.append(what)

    def advance(self, count: int = 1) -> None:
        self.done += count

    def finish(self) -> None:
        self.events.append("finish")


def run(registry: Registry, *items: tuple[str, str] | Candidate) -> CollectSummary:
    return collect(registry, Listed(*items), [], SETTINGS)


def sources_of(registry: Registry, sha256: str) -> set[tuple[str, str]]:
    table = schema.source
    statement = sa.select(table.c.query, table.c.url).where(table.c.sha256 == sha256)
    return {(row.query, row.url) for row in registry.database.rows(statement)}


def outcomes_of(registry: Registry) -> dict[str, str]:
    return {url: seen.outcome for (_, url), seen in registry.load_last_attempts("listed").items()}


def put_tombstone(registry: Registry, data: bytes) -> None:
    with registry.database.transaction() as connection:
        row = {"sha256": compute_sha256(data), "reason": "asked for", "at": "2026-01-01T00:00:00Z"}
        connection.execute(sa.insert(schema.tombstone), row)


def drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.drip(b"x")


def hostile_pages(server: LoopbackServer) -> dict[str, Outcome]:
    """Every bad case with the outcome that it must get, by URL."""
    loop = server.put("/loop.jpg", b"", 302, {"Location": "/loop.jpg"})
    to_file = server.put("/file.jpg", b"", 302, {"Location": "file:///etc/passwd"})
    blank = encoded(Image.new("RGB", (200, 200), "white"))
    zipped = {"Content-Encoding": "gzip"}
    return {
        server.url("/missing.jpg"): Outcome.NOT_FOUND,
        server.put("/gone.jpg", b"", 410): Outcome.NOT_FOUND,
        server.put("/forbidden.jpg", b"", 403): Outcome.HTTP_ERROR,
        server.put("/broken.jpg", b"", 500): Outcome.SERVER_ERROR,
        server.put("/busy.jpg", b"", 429, {"Retry-After": "0"}): Outcome.RATE_LIMITED,
        server.page("/slow.jpg", drip): Outcome.TIMEOUT,
        server.page("/reset.jpg", lambda handler: handler.reset()): Outcome.CONNECTION_FAILED,
        loop: Outcome.TOO_MANY_REDIRECTS,
        to_file: Outcome.UNSUPPORTED_URL,
        "file:///etc/passwd": Outcome.UNSUPPORTED_URL,
        server.put("/noai.jpg", jpeg(), 200, {"X-Robots-Tag": "noai"}): Outcome.REFUSED_NOAI,
        server.put("/coded.jpg", jpeg(), 200, zipped): Outcome.BROKEN_ENCODING,
        server.put("/zip.jpg", gzip.compress(bytes(9_000_000)), 200, zipped): Outcome.ENCODING_BOMB,
        server.put("/large.jpg", bytes(400_000)): Outcome.TOO_LARGE,
        server.put("/html.jpg", b"<!doctype html>", 200): Outcome.NOT_AN_IMAGE,
        server.put("/empty.jpg", b""): Outcome.NOT_AN_IMAGE,
        server.put("/cut.jpg", jpeg()[:-300]): Outcome.TRUNCATED,
        server.put("/bomb.png", bomb_png()): Outcome.TOO_MANY_PIXELS,
        server.put("/tiny.jpg", jpeg(width=40, height=40)): Outcome.TOO_SMALL,
        server.put("/blank.jpg", blank): Outcome.BLANK,
        server.url("/\udcff\0.jpg"): Outcome.NOT_FOUND,
    }


def good_pages(server: LoopbackServer, count: int, query: str = "moon") -> list[tuple[str, str]]:
    return [(query, server.put(f"/good{k}.jpg", jpeg(seed=k))) for k in range(count)]


def test_good_images_among_every_bad_case(registry: Registry, server: LoopbackServer) -> None:
    bad = hostile_pages(server)
    mixed = zip([("sun", url) for url in bad], good_pages(server, len(bad)), strict=True)
    progress = Counting()
    provider = Listed(*(item for pair in mixed for item in pair))
    summary = collect(registry, provider, [], SETTINGS, progress)

    for url, outcome in bad.items():
        assert outcomes_of(registry)[url.replace("\udcff\0", "?")] == outcome, url
    assert registry.find_known_images() == {compute_sha256(jpeg(seed=k)) for k in range(len(bad))}
    assert all(registry.read_image(sha256) for sha256 in registry.find_known_images())
    assert summary.by_query["moon"] == {"stored": len(bad)}
    assert sum(summary.by_query["sun"].values()) == len(bad)
    assert summary.found == progress.done == 2 * len(bad)
    assert progress.events == [
        "reading earlier attempts of listed",
        "finish",
        "collect from listed",
        "finish",
    ]


def test_unusual_pixels_are_stored(registry: Registry, server: LoopbackServer) -> None:
    kinds = {
        "/cmyk.jpg": encoded(photo().convert("CMYK")),
        "/palette.png": encoded(photo().quantize(32), "PNG"),
        "/alpha.webp": encoded(photo().convert("RGBA"), "WEBP"),
    }
    summary = run(registry, *(("", server.put(path, data)) for path, data in kinds.items()))
    assert summary.outcomes == {"stored": 3}


def test_a_second_run_asks_for_nothing_that_is_finished(
    registry: Registry, server: LoopbackServer
) -> None:
    bad = [url for url in hostile_pages(server) if url != server.url("/slow.jpg")]
    items = [*good_pages(server, 7), *(("sun", url) for url in bad)]
    first = run(registry, *items)
    before = registry.load_last_attempts("listed")
    asked = {path: server.asked(path) for path in server.pages}
    second = run(registry, *items)

    retryable = {str(outcome) for outcome in Outcome if outcome.retryable}
    again = {name: count for name, count in first.outcomes.items() if name in retryable}
    assert second.outcomes == again
    assert second.skipped == len(items) - sum(again.values())
    assert second.found == first.found == len(items)
    more = {path for path in server.pages if server.asked(path) > asked[path]}
    assert more == {"/broken.jpg", "/busy.jpg", "/reset.jpg"}
    assert registry.load_last_attempts("listed").keys() == before.keys()


def test_what_failed_for_a_passing_reason_succeeds_later(
    registry: Registry, server: LoopbackServer
) -> None:
    url = server.put("/a.jpg", b"", 500)
    assert run(registry, ("moon", url)).outcomes == {"server_error": 1}
    server.put("/a.jpg", jpeg())
    assert run(registry, ("moon", url)).outcomes == {"stored": 1}
    assert run(registry, ("moon", url)).outcomes == {}


def test_the_same_bytes_under_many_urls_are_one_image_with_many_sources(
    registry: Registry, server: LoopbackServer
) -> None:
    urls = [server.put(f"/copy{k}.jpg", jpeg()) for k in range(12)]
    summary = run(registry, *(("moon", url) for url in urls))
    assert summary.outcomes == {"known": 11, "stored": 1}
    assert sources_of(registry, compute_sha256(jpeg())) == {("moon", url) for url in urls}
    later = server.put("/later.jpg", jpeg())
    assert run(registry, ("sun", later)).outcomes == {"known": 1}
    assert ("sun", later) in sources_of(registry, compute_sha256(jpeg()))


def test_one_url_under_many_queries_is_fetched_once(
    registry: Registry, server: LoopbackServer
) -> None:
    good, bad = server.put("/a.jpg", jpeg()), server.put("/b.jpg", b"no image")
    together = [(query, url) for query in ("moon", "sun", "star") for url in (good, bad)]
    summary = run(registry, *together)
    assert summary.outcomes == {"known": 2, "not_an_image": 3, "stored": 1}
    later = run(registry, ("sea", good), ("sea", bad))
    assert later.outcomes == {"known": 1, "not_an_image": 1}
    assert server.asked("/a.jpg") == server.asked("/b.jpg") == 1
    queries = {query for query, _ in sources_of(registry, compute_sha256(jpeg()))}
    assert queries == {"moon", "sun", "star", "sea"}


def test_a_candidate_given_twice_is_tried_once(registry: Registry, server: LoopbackServer) -> None:
    url = server.put("/a.jpg", jpeg())
    summary = run(registry, ("moon", url), ("moon", url))
    assert (summary.outcomes, summary.skipped, summary.found) == ({"stored": 1}, 1, 2)


def test_what_was_taken_down_does_not_come_back(registry: Registry, server: LoopbackServer) -> None:
    url = server.put("/a.jpg", jpeg())
    put_tombstone(registry, jpeg())
    assert run(registry, ("moon", url)).outcomes == {"tombstoned": 1}
    assert run(registry, ("sun", url)).outcomes == {"tombstoned": 1}
    assert registry.find_known_images() == set()
    assert registry.files.list("blobs") == []
    assert sources_of(registry, compute_sha256(jpeg())) == set()


def test_what_was_not_kept_is_not_fetched_or_stored_again(
    registry: Registry, server: LoopbackServer
) -> None:
    url, elsewhere = server.put("/a.jpg", jpeg()), server.put("/b.jpg", jpeg())
    run(registry, ("moon", url))
    name = compute_sha256(jpeg())
    discard(registry, [DiscardableImage(name, url, "rejected", len(jpeg()))])
    again = run(registry, ("moon", url), ("sun", url), ("moon", elsewhere))
    assert (again.skipped, again.outcomes) == (1, {"not_kept": 2})
    assert registry.files.list("blobs") == []
    assert sources_of(registry, name) == {("moon", url), ("sun", url), ("moon", elsewhere)}
    assert (server.asked("/a.jpg"), server.asked("/b.jpg")) == (1, 1)


def test_a_url_whose_image_was_taken_down_since(registry: Registry, server: LoopbackServer) -> None:
    url = server.put("/a.jpg", jpeg())
    run(registry, ("moon", url))
    put_tombstone(registry, jpeg())
    assert run(registry, ("sun", url)).outcomes == {"tombstoned": 1}
    assert sources_of(registry, compute_sha256(jpeg())) == {("moon", url)}


def test_sources_keep_what_the_provider_said(registry: Registry, server: LoopbackServer) -> None:
    odd = Source(
        provider="listed",
        url=server.put("/a.jpg", jpeg()),
        query="moon",
        licence="CC0",
        creator="A\0nn \ud800",
    )
    run(registry, Candidate(odd))
    (row,) = registry.database.rows(sa.select(schema.source))
    assert (row.query, row.licence, row.creator) == ("moon", "CC0", "Ann ?")


def test_an_error_that_nobody_foresaw_costs_one_candidate(
    registry: Registry, server: LoopbackServer
) -> None:
    odd = Candidate(Source(provider="listed", url="folder:odd"), Path("a\0name"))
    summary = run(registry, odd, *good_pages(server, 3))
    assert summary.outcomes == {"stored": 3, "unexpected_error": 1}
    attempt = registry.load_last_attempts("listed")["", "folder:odd"]
    assert attempt.retryable
    assert attempt.detail.startswith("ValueError")


def test_folders_are_collected_without_a_server(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "moon").mkdir(parents=True)
    (folder / "moon" / "a.jpg").write_bytes(jpeg())
    (folder / "moon" / "large.jpg").write_bytes(bytes(FETCH.max_bytes + 1))
    (folder / "notes.txt").write_text("no image")
    summary = collect(registry, FolderProvider(folder), ["moon"], SETTINGS)
    assert summary.by_query == {"": {"not_an_image": 1}, "moon": {"stored": 1, "too_large": 1}}
    assert sources_of(registry, compute_sha256(jpeg())) == {("moon", "folder:moon/a.jpg")}


def test_a_file_that_cannot_be_read_is_tried_again(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    candidate = Candidate(Source(provider="listed", url="folder:a.jpg"), file)
    assert run(registry, candidate).outcomes == {"unreadable_file": 1}
    file.write_bytes(jpeg())
    assert run(registry, candidate).outcomes == {"stored": 1}


def blocked_blob(registry: Registry, data: bytes) -> Path:
    """Put a file where the folder of this image's blob has to be."""
    sha256 = compute_sha256(data)
    place = registry.files.build_local_path(f"blobs/{sha256[:2]}")
    assert place is not None
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    return place


def test_a_disk_that_takes_no_more_stops_the_collection_and_loses_nothing(
    registry: Registry, server: LoopbackServer
) -> None:
    items = good_pages(server, 12)
    obstacle = blocked_blob(registry, jpeg(seed=6))
    with pytest.raises(StorageError):
        collect(registry, Listed(*items), [], ONE_BY_ONE)
    recorded = registry.find_known_images()
    assert {compute_sha256(jpeg(seed=k)) for k in range(6)} <= recorded
    assert len(recorded) < 12

    obstacle.unlink()
    summary = collect(registry, Listed(*items), [], ONE_BY_ONE)
    assert summary.skipped == len(recorded)
    assert registry.find_known_images() == {compute_sha256(jpeg(seed=k)) for k in range(12)}
    assert server.asked("/good0.jpg") == 1


@pytest.mark.parametrize("end", [KeyboardInterrupt(), ProviderError("the gallery went away")])
def test_an_early_end_keeps_what_was_finished(
    registry: Registry, server: LoopbackServer, end: BaseException
) -> None:
    items = good_pages(server, 10)
    progress = Counting()
    with pytest.raises(type(end)):
        collect(registry, Listed(*items, end), [], ONE_BY_ONE, progress)
    recorded = registry.find_known_images()
    assert {compute_sha256(jpeg(seed=k)) for k in range(8)} <= recorded
    assert progress.events[-1] == "finish"
    summary = collect(registry, Listed(*items), [], ONE_BY_ONE)
    assert summary.skipped == len(recorded)
    assert len(registry.find_known_images()) == 10


def test_an_early_end_waits_for_no_server(registry: Registry, server: LoopbackServer) -> None:
    """With a deadline of ten minutes this returns at once all the same."""
    patient = CollectSettings(
        fetch=FetchSettings(total_seconds=600, allow_loopback=True), threads=1
    )
    url = server.put("/busy.jpg", b"", 429, {"Retry-After": "500"})
    with pytest.raises(KeyboardInterrupt):
        collect(registry, Listed(("", url), KeyboardInterrupt()), [], patient)
    assert outcomes_of(registry) in ({}, {url: "rate_limited"})


def test_rows_are_written_while_the_collection_goes_on(
    registry: Registry, server: LoopbackServer
) -> None:
    seen: list[int] = []

    class Watching(Listed):
        def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
            for candidate in super().candidates(queries):
                seen.append(len(registry.find_known_images()))
                yield candidate

    settings = CollectSettings(fetch=FETCH, threads=1, shard_size=3)
    collect(registry, Watching(*good_pages(server, 12)), [], settings)
    assert seen[0] == 0
    assert seen[-1] == 9  # of 11 given, two were under way or not yet taken in
    assert len(registry.find_known_images()) == 12
