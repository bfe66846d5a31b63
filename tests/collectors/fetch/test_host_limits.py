import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Handler, LoopbackServer
from pictures import jpeg

from collectors.fetch import host_limits
from collectors.fetch.fetched import FetchFailure, FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.fetch.host_limits import HostLimits
from collectors.outcomes import Outcome

FREE = FetchSettings(
    total_seconds=20, requests_per_second=10_000, heed_robots_txt=False, allow_loopback=True
)


def seconds_of(limits: HostLimits, turns: int, host: str = "bay") -> float:
    began = time.monotonic()
    for _ in range(turns):
        with limits.turn(host):
            pass
    return time.monotonic() - began


@given(st.integers(1, 5), st.sampled_from([50.0, 200.0, 1000.0]), st.integers(1, 12))
def test_after_a_burst_the_rate_holds(burst: int, rate: float, turns: int) -> None:
    limits = HostLimits(replace(FREE, requests_per_second=rate, burst=burst))
    assert seconds_of(limits, turns) >= (turns - burst) / rate


def test_hosts_do_not_wait_for_one_another() -> None:
    limits = HostLimits(replace(FREE, requests_per_second=1e-6, burst=1))
    for host in range(50):
        with limits.turn(f"host{host}"):
            pass


def test_threads_share_a_hosts_places(server: LoopbackServer) -> None:
    now, most = 0, 0
    lock = threading.Lock()
    both = threading.Barrier(2)

    def page(handler: Handler) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        both.wait(10)  # two places are really used: each waits for a second one
        with lock:
            now -= 1
        handler.answer(jpeg())

    url = server.page("/a.jpg", page)
    with Fetcher(replace(FREE, per_host=2)) as fetcher, ThreadPoolExecutor(8) as pool:
        assert all(done.data == jpeg() for done in pool.map(fetcher.fetch, [url] * 16))
    assert most == 2


def test_what_one_thread_is_told_holds_for_all(server: LoopbackServer) -> None:
    asked: list[float] = []
    refused = threading.Event()

    def busy(handler: Handler) -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            handler.answer(b"", 429, {"Retry-After": "1"})
            refused.set()
        else:
            handler.answer(jpeg())

    def quiet(handler: Handler) -> None:
        asked.append(time.monotonic())
        handler.answer(jpeg())

    first, other = server.page("/busy.jpg", busy), server.page("/quiet.jpg", quiet)
    with Fetcher(replace(FREE, per_host=8)) as fetcher, ThreadPoolExecutor(8) as pool:
        waiting = pool.submit(fetcher.fetch, first)
        refused.wait(10)
        while not fetcher._shared.limits._hosts["127.0.0.1"].paused_until:
            time.sleep(0.001)
        others = [pool.submit(fetcher.fetch, other) for _ in range(6)]
        assert all(done.result().data == jpeg() for done in [waiting, *others])
    assert min(asked[1:]) - asked[0] >= 1


def test_a_host_that_stays_away_for_long_is_not_asked_again(server: LoopbackServer) -> None:
    busy = server.put("/busy.jpg", b"", 429, {"Retry-After": "86400"})
    other = server.put("/other.jpg", jpeg())
    with Fetcher(FREE) as fetcher:
        assert fetcher.fetch(busy).failure == Outcome.RATE_LIMITED
        fetched = fetcher.fetch(other)
    assert fetched.failure == Outcome.RATE_LIMITED
    assert "the host asked to wait" in fetched.detail
    assert server.asked("/other.jpg") == 0


def test_after_a_pause_there_is_no_burst() -> None:
    limits = HostLimits(replace(FREE, requests_per_second=20, burst=10))
    limits.pause("bay", 0.05)
    assert seconds_of(limits, 4) >= 0.05 + 3 / 20


def test_a_crawl_delay_slows_down_but_never_speeds_up() -> None:
    limits = HostLimits(replace(FREE, requests_per_second=20, burst=10))
    limits.slow_down("bay", 0.1)
    limits.slow_down("bay", 0.01)
    assert seconds_of(limits, 4) >= 0.3


def test_who_waits_for_a_turn_can_be_stopped() -> None:
    limits = HostLimits(replace(FREE, requests_per_second=1e-6, burst=1))
    assert seconds_of(limits, 1) >= 0
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(seconds_of, limits, 1) for _ in range(3)]
        limits.stop()
        for future in waiting:
            with pytest.raises(FetchFailure) as caught:
                future.result()
            assert caught.value.outcome == Outcome.STOPPED
            assert caught.value.outcome.retryable


def test_waiting_for_ones_turn_is_not_the_servers_fault(server: LoopbackServer) -> None:
    """Ten fetches of 0.25 s, one after the other, though none may take more than 2 s."""

    def page(handler: Handler) -> None:
        handler.server.stopping.wait(0.25)
        handler.answer(jpeg())

    settings = replace(FREE, per_host=1, total_seconds=2)
    url = server.page("/a.jpg", page)
    with Fetcher(settings) as fetcher, ThreadPoolExecutor(10) as pool:
        fetched = list(pool.map(fetcher.fetch, [url] * 10))
    assert {one.failure for one in fetched} == {None}


def test_idle_hosts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_limits, "_MOST_HOSTS", 10)
    limits = HostLimits(FREE)
    limits.pause("told to wait", 1000)
    for number in range(200):
        with limits.turn(f"host{number}"):
            pass
        time.sleep(0.001)  # the bucket is full again
    assert len(limits._hosts) <= 12
    with pytest.raises(FetchFailure), limits.turn("told to wait"):
        pass
