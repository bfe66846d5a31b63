"""Queries cost no more than their class may, and those that bring nothing new end early."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import LoopbackServer
from pictures import jpeg
from search_provider import Catalogue

from collectors.budget import BudgetRule, QueryTurns, group_by_class
from collectors.candidate import Candidate
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.providers.gallery import GalleryProvider
from collectors.query_yield import compute_query_yields
from collectors.retry import select_failed
from data_registry import Registry
from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.pool import load_pool
from data_registry.retention.garbage import discard, find_discardable_images

FETCH = FetchSettings(
    total_seconds=3, tries=1, requests_per_second=10_000, burst=100, allow_loopback=True
)
RULE = BudgetRule(per_class=30, slice_size=5, least_new=0.3)


def settings(
    rule: BudgetRule = RULE, classes: Mapping[str, str] | None = None, after: tuple[str, ...] = ()
) -> CollectSettings:
    return CollectSettings(fetch=FETCH, budget=rule, class_of_query=classes or {}, after=after)


def image_of(candidate: Candidate) -> str:
    """In these tests an image is named by the end of its URL; "bad" brings none."""
    end = candidate.source.url.rpartition("/")[2]
    return "" if end == "bad" else end


def tried(
    urls: Mapping[str, Sequence[str]], rule: BudgetRule, seen: set[str] | None = None
) -> Counter[str]:
    """How many candidates of each query the turns of one class ask for."""
    catalogue = Catalogue(urls)
    asked: Counter[str] = Counter()
    with catalogue.searching() as search:
        turns = QueryTurns(search, list(urls), rule, seen if seen is not None else set())
        while not turns.is_over:
            asked.update(candidate.source.query for candidate in turns.take_round())
            turns.settle(image_of)
    assert asked == Counter(catalogue.taken)  # nothing is taken from a search and thrown away
    return asked


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}/{prefix}{number}" for number in range(count)]


def test_a_class_costs_no_more_than_its_budget() -> None:
    assert tried({"a": numbered("a", 100), "b": numbered("b", 100)}, RULE) == {"a": 15, "b": 15}


def test_a_query_that_brings_nothing_gives_its_budget_away() -> None:
    assert tried({"a": ["x/bad"] * 100, "b": numbered("b", 100)}, RULE) == {"a": 5, "b": 25}


def test_a_query_that_brings_what_another_has_brought_ends() -> None:
    assert tried({"a": numbered("a", 100), "b": numbered("a", 100)}, RULE) == {"a": 25, "b": 5}


def test_what_is_known_already_is_not_new() -> None:
    known = {url.rpartition("/")[2] for url in numbered("a", 100)}
    assert tried({"a": numbered("a", 100)}, RULE, known) == {"a": 5}


def test_a_short_query_leaves_the_rest_to_the_others() -> None:
    assert tried({"a": numbered("a", 3), "b": numbered("b", 100)}, RULE) == {"a": 3, "b": 27}


def test_a_query_without_results() -> None:
    assert tried({"a": [], "b": []}, RULE) == {}


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.lists(st.sampled_from(["bad", *map(str, range(30))]))
    ),
    st.integers(1, 40),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_turns_end_within_the_budget(
    urls: dict[str, list[str]], per_class: int, slice_size: int, least_new: float
) -> None:
    asked = tried(urls, BudgetRule(per_class, slice_size, least_new))
    assert asked.total() <= per_class
    everything = sum(map(len, urls.values()))
    if least_new == 0:  # no query ends early, so only the budget may leave anything out
        assert asked.total() == min(per_class, everything)


def test_queries_by_class() -> None:
    classes = {"moon jelly": "moon", "aurelia": "moon", "rose jelly": "rose", "street": ""}
    assert group_by_class(["moon jelly", "rose jelly", "street", "aurelia", "cat"], classes) == {
        "moon": ["moon jelly", "aurelia"],
        "rose": ["rose jelly"],
        "": ["street", "cat"],
    }


# A collection


@pytest.fixture
def photos(server: LoopbackServer) -> list[str]:
    return [server.put(f"/{number}.jpg", jpeg(number)) for number in range(20)]


def outcomes(registry: Registry, provider: Catalogue, configured: CollectSettings) -> Counter[str]:
    summary = collect(registry, provider, list(provider.urls), configured)
    return Counter(summary.outcomes) + Counter({"skipped": summary.skipped})


def test_a_collection_keeps_to_the_budget_and_again_changes_nothing(
    registry: Registry, server: LoopbackServer, photos: list[str]
) -> None:
    missing = [server.url(f"/none/{number}.jpg") for number in range(40)]
    urls = {"moon": photos, "mon": missing}
    both = settings(classes={"moon": "moon", "mon": "moon"})
    first = Catalogue(urls)
    assert outcomes(registry, first, both) == {"stored": 20, "not_found": 5}
    assert first.sessions == 1  # so that all queries share what a provider may ask
    again = Catalogue(urls)
    assert outcomes(registry, again, both) == {"skipped": 25}
    assert again.taken == first.taken


def test_each_class_has_a_budget_of_its_own(registry: Registry, photos: list[str]) -> None:
    urls = {"moon": photos[:10], "rose": photos[10:], "street": photos[:10]}
    rule = BudgetRule(per_class=4, slice_size=2)
    provider = Catalogue(urls)
    outcomes(registry, provider, settings(rule, {"moon": "moon", "rose": "rose"}))
    # the background brings what the moon brought first, and ends after a slice
    assert Counter(provider.taken) == {"moon": 4, "rose": 4, "street": 2}


def test_what_an_earlier_provider_gave_is_not_new(registry: Registry, photos: list[str]) -> None:
    urls = {"moon": photos}
    rule = BudgetRule(per_class=20, slice_size=5)
    outcomes(registry, Catalogue(urls, "first"), settings(rule))
    later = Catalogue(urls, "second")
    assert outcomes(registry, later, settings(rule, after=("first",))) == {"known": 5}


def test_the_gallery_is_asked_no_further_than_the_budget(
    registry: Registry, server: LoopbackServer
) -> None:
    def page(handler: object) -> None:
        number = int(handler.query["page"])  # type: ignore[attr-defined]
        urls = ", ".join(f'{{"url": "/{number}-{each}.jpg"}}' for each in range(10))
        body = f'{{"results": [{urls}], "next": "/search?q=moon&page={number + 1}"}}'
        handler.answer(body.encode())  # type: ignore[attr-defined]

    server.page("/search", page)
    provider = GalleryProvider(server.url(""), fetch=FETCH)
    rule = BudgetRule(per_class=100, slice_size=20)
    assert collect(registry, provider, ["moon"], settings(rule)).found == 20
    assert server.asked("/search") == 2


# What the queries brought


def test_yields_add_up(registry: Registry, server: LoopbackServer, photos: list[str]) -> None:
    server.put("/busy.jpg", b"", 503, {"Retry-After": "0"})
    server.put("/small.jpg", jpeg(50, width=20, height=20))
    server.put("/noai.jpg", jpeg(51), headers={"X-Robots-Tag": "noai"})
    strange = [server.url(f"/{name}.jpg") for name in ("busy", "small", "noai", "none")]
    urls = {"moon": [*photos[:3], *strange], "rose": photos[2:5]}
    outcomes(registry, Catalogue(urls), settings())
    update_groups(registry)
    told = {row["query"]: row for row in compute_query_yields(registry).to_dict("records")}
    expected = {"candidates": 7, "new": 3, "duplicate": 0, "junk": 2, "refused": 1, "failed": 1}
    assert told["moon"] == {"provider": "catalogue", "query": "moon", "usable": 3, **expected}
    assert told["rose"]["duplicate"] == 1
    assert told["rose"]["usable"] == 2


def test_yields_of_an_empty_registry(registry: Registry) -> None:
    assert compute_query_yields(registry).empty


def test_a_near_copy_counts_as_a_duplicate(registry: Registry, server: LoopbackServer) -> None:
    large, small = jpeg(7, width=320, height=240), jpeg(7, width=320, height=240) + b"\0\0"
    urls = {"moon": [server.put("/large.jpg", large), server.put("/small.jpg", small)]}
    outcomes(registry, Catalogue(urls), settings())
    link_images_by_hashes(registry, Radii())
    update_groups(registry)
    (row,) = compute_query_yields(registry).to_dict("records")
    assert (row["candidates"], row["new"], row["duplicate"], row["usable"]) == (2, 1, 1, 1)
    # Turned down as a copy and not kept, it still is one.
    pool = load_pool(registry)
    (copy,) = pool["sha256"][pool["copy_of"] != ""]
    record_teacher(registry, "teacher", {})
    decision = Decision(
        sha256=copy,
        teacher_id="teacher",
        policy="p",
        verdict="rejected",
        class_name="a",
        confidence=0.9,
        reason="copy",
        detail="copy of another",
    )
    record_decisions(registry, [decision])
    discard(registry, find_discardable_images(registry).images)
    assert registry.find_discarded_images() == {copy}
    assert compute_query_yields(registry).to_dict("records") == [row]


# Trying again


def test_only_what_failed_is_tried_again(
    registry: Registry, server: LoopbackServer, photos: list[str]
) -> None:
    busy = server.put("/busy.jpg", b"", 503, {"Retry-After": "0"})
    gone = server.url("/gone.jpg")
    urls = {"moon": [photos[0], busy, gone, *photos[1:]], "rose": photos[:4]}
    outcomes(registry, Catalogue(urls), settings(BudgetRule(per_class=5)))
    server.put("/busy.jpg", jpeg(60))
    server.put("/gone.jpg", jpeg(61))
    provider = Catalogue(urls)
    again = collect(registry, select_failed(registry, provider), list(urls), settings())
    assert again.outcomes == {"stored": 1}
    assert (again.provider, again.skipped) == ("catalogue", 0)
    assert provider.taken == ["moon", "moon"]  # left as soon as the failed one was met


def test_where_nothing_failed_nobody_is_asked(registry: Registry, photos: list[str]) -> None:
    urls = {"moon": photos}
    outcomes(registry, Catalogue(urls), settings())
    provider = Catalogue(urls)
    assert collect(registry, select_failed(registry, provider), ["moon"], settings()).found == 0
    assert provider.sessions == 0
