"""What a limit refused is tried again once the user raises the limit, and not before."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from loopback import LoopbackServer
from pictures import jpeg

from collectors.candidate import Candidate
from collectors.checks.check_settings import CheckSettings
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.licences import LicenceRule
from collectors.retry import select_failed
from data_registry import Registry
from data_registry.images.records import Source

OPEN = CollectSettings(fetch=FetchSettings(allow_loopback=True, heed_robots_txt=False))
PHOTO = jpeg(width=320, height=240)  # 76,800 pixels


class Listed:
    """Gives every URL, under each query."""

    name = "listed"

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = urls

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        for query in queries:
            for url in self.urls:
                yield Candidate(Source(self.name, url, query, licence="cc-by"))


def limited(**limits: float) -> CollectSettings:
    return replace(OPEN, check=CheckSettings(**limits))  # type: ignore[arg-type]


def with_bytes(most: int) -> CollectSettings:
    return replace(OPEN, fetch=replace(OPEN.fetch, max_bytes=most))


STEPS = {
    "too_many_pixels": [limited(max_pixels=most) for most in (50_000, 76_799, 76_800)],
    "too_large": [with_bytes(most) for most in (1000, len(PHOTO) - 1, len(PHOTO))],
    "too_much_memory": [limited(memory_bytes=most) for most in (1000, 1001, 10**7)],
    "too_small": [limited(min_side=least) for least in (500, 600, 240)],
    "refused_licence": [
        replace(OPEN, licences=LicenceRule(allowed))
        for allowed in (("CC0",), ("CC0", "PDM"), ("CC0", "BY"))
    ],
}


@pytest.mark.parametrize("retry", [False, True], ids=["collect", "collect --retry"])
@pytest.mark.parametrize("outcome", STEPS)
def test_a_limit_is_raised(
    registry: Registry, server: LoopbackServer, outcome: str, retry: bool
) -> None:
    low, raised, high = STEPS[outcome]
    provider = Listed([server.put("/photo.jpg", PHOTO)])

    def again(settings: CollectSettings) -> dict[str, int]:
        chosen = select_failed(registry, provider, settings) if retry else provider
        return dict(collect(registry, chosen, ["moon", "sun"], settings).outcomes)

    assert collect(registry, provider, ["moon", "sun"], low).outcomes == {outcome: 2}
    asked = server.asked("/photo.jpg")
    assert again(low) == {}  # the same limit
    assert again(raised) == {}  # another one, which does not let the image pass either
    assert server.asked("/photo.jpg") == asked
    assert again(high) == {"known": 1, "stored": 1}
    assert again(high) == {}


def test_what_failed_for_good_is_left_alone(registry: Registry, server: LoopbackServer) -> None:
    provider = Listed([server.url("/gone.jpg")])
    assert collect(registry, provider, ["moon"], OPEN).outcomes == {"not_found": 1}
    wide = replace(with_bytes(10**9), check=CheckSettings(max_pixels=10**9, min_side=1))
    assert select_failed(registry, provider, wide).failed == frozenset()
    assert collect(registry, provider, ["moon"], wide).skipped == 1
