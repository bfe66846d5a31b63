from collections.abc import Iterator, Sequence

from loopback import LoopbackServer
from pictures import jpeg

from collectors.candidate import Candidate
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.ledger import CollectSummary
from collectors.licences import LicenceRule
from data_registry import Registry
from data_registry.images.hashing import compute_sha256
from data_registry.images.records import Source

FETCH = FetchSettings(
    total_seconds=5, requests_per_second=10_000, heed_robots_txt=False, allow_loopback=True
)
OPEN = LicenceRule(("CC0", "BY"), allow_unknown=False)


class Licensed:
    """Gives sources as they are."""

    name = "licensed"

    def __init__(self, *sources: Source) -> None:
        self.sources = sources

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        return map(Candidate, self.sources)


def source(server: LoopbackServer, number: int, licence: str, query: str = "moon") -> Source:
    url = server.put(f"/{number}.jpg", jpeg(seed=number))
    return Source(provider="licensed", url=url, query=query, licence=licence)


def run(registry: Registry, rule: LicenceRule, *sources: Source) -> CollectSummary:
    settings = CollectSettings(fetch=FETCH, licences=rule, threads=2)
    return collect(registry, Licensed(*sources), [], settings)


def four(server: LoopbackServer) -> list[Source]:
    stated = ["CC BY 4.0", "CC BY-NC 4.0", "", "cc0"]
    return [source(server, number, licence) for number, licence in enumerate(stated)]


def test_what_is_not_taken_is_not_fetched_and_gets_its_row(
    registry: Registry, server: LoopbackServer
) -> None:
    summary = run(registry, OPEN, *four(server))
    assert summary.outcomes == {"refused_licence": 1, "stored": 2, "unknown_licence": 1}
    assert [server.asked(f"/{number}.jpg") for number in range(4)] == [1, 0, 0, 1]
    rows = registry.load_last_attempts("licensed")
    refused = rows["moon", server.url("/1.jpg")]
    assert (refused.outcome, refused.retryable, refused.status) == ("refused_licence", False, 0)
    assert refused.detail == "CC BY-NC 4.0 (stated: CC BY-NC 4.0); allowed: CC0, BY"
    assert rows["moon", server.url("/2.jpg")].outcome == "unknown_licence"
    assert summary.dropped == (
        "1 dropped: licence not allowed; [collect] licences lists the allowed ones",
        "1 dropped: licence unknown; [collect] allow_unknown = true accepts them",
    )


def test_without_a_rule_everything_is_taken(registry: Registry, server: LoopbackServer) -> None:
    summary = run(registry, LicenceRule(), *four(server))
    assert (summary.outcomes, summary.dropped) == ({"stored": 4}, ())


def test_the_same_rule_leaves_them_alone_and_another_takes_them(
    registry: Registry, server: LoopbackServer
) -> None:
    sources = four(server)
    run(registry, OPEN, *sources)
    again = run(registry, OPEN, *sources)
    assert (again.outcomes, again.skipped) == ({}, 4)
    wider = LicenceRule(("CC0", "BY", "BY-NC"), allow_unknown=False)
    assert run(registry, wider, *sources).outcomes == {"stored": 1}
    assert run(registry, LicenceRule(), *sources).outcomes == {"stored": 1}
    assert len(registry.find_known_images()) == 4
    assert run(registry, OPEN, *sources).skipped == 4


def test_a_rule_that_refuses_for_another_reason_is_recorded(
    registry: Registry, server: LoopbackServer
) -> None:
    unstated, stated = source(server, 0, ""), source(server, 0, "CC BY-NC 4.0")
    assert run(registry, OPEN, unstated).outcomes == {"unknown_licence": 1}
    assert run(registry, OPEN, stated).outcomes == {"refused_licence": 1}
    assert run(registry, OPEN, source(server, 0, "CC0")).outcomes == {"stored": 1}


def test_each_query_s_statement_is_judged_by_itself(
    registry: Registry, server: LoopbackServer
) -> None:
    """An answered URL brings nothing in under a statement that the rule refuses."""
    open_, closed = source(server, 0, "CC0"), source(server, 0, "CC BY-NC", "sun")
    other = source(server, 0, "CC BY", "star")
    summary = run(registry, OPEN, closed, open_, closed, other)
    assert summary.by_query == {
        "moon": {"stored": 1},
        "star": {"known": 1},
        "sun": {"refused_licence": 1},
    }
    assert summary.skipped == 1
    assert server.asked("/0.jpg") == 1
    assert registry.find_known_images() == {compute_sha256(jpeg(seed=0))}


def test_an_earlier_failure_is_not_tried_again_against_the_rule(
    registry: Registry, server: LoopbackServer
) -> None:
    failing = Source(
        provider="licensed", url=server.put("/x.jpg", b"", 500), query="moon", licence="GFDL"
    )
    assert run(registry, LicenceRule(), failing).outcomes == {"server_error": 1}
    assert run(registry, OPEN, failing).outcomes == {"refused_licence": 1}
    server.put("/x.jpg", jpeg())
    assert run(registry, LicenceRule(), failing).outcomes == {"stored": 1}
