"""Limit the rate and the number of simultaneous requests to a host, over all threads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from collectors.fetch.fetched import FetchFailure, FetchSettings
from collectors.outcomes import Outcome

_MOST_HOSTS = 10_000


@dataclass(kw_only=True)
class _Host:
    """One host's state. The token bucket is stored as the moment when it will be full again.

    Attributes:
        active: requests in progress.
        paused_until: no request before this moment.
        full_at: when every token will be back; each request moves it by one interval.
        interval: seconds for one token.
        burst: tokens that the bucket holds.
    """

    interval: float
    burst: int
    active: int = 0
    paused_until: float = 0.0
    full_at: float = 0.0

    def compute_free_moment(self) -> float:
        """Compute the moment from which the bucket holds a token and the pause is over."""
        return max(self.paused_until, self.full_at - (self.burst - 1) * self.interval)

    def is_busy(self, now: float) -> bool:
        """Whether a new entry would differ from this one."""
        return self.active > 0 or max(self.paused_until, self.full_at) > now

    def take(self, now: float) -> None:
        self.active += 1
        self.full_at = max(self.full_at, now) + self.interval

    def pause(self, until: float) -> None:
        """Pause, and then allow requests one by one: a burst would provoke the next pause."""
        self.paused_until = max(self.paused_until, until)
        self.full_at = max(self.full_at, self.paused_until + (self.burst - 1) * self.interval)


class HostLimits:
    """Gives threads their turn at a host.

    Args:
        settings: rate, burst and concurrency; a longer pause than `total_seconds` is not waited
            for.
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._hosts: dict[str, _Host] = {}
        self._changed = threading.Condition()
        self._stopped = False

    @contextmanager
    def turn(self, host: str) -> Iterator[None]:
        """Wait for a turn at the host, and hold it during the `with`.

        Raises:
            FetchFailure: the host asked for a longer pause than is waited for (``rate_limited``),
                or `stop` was called (``stopped``).
        """
        self._enter(host)
        try:
            yield
        finally:
            with self._changed:
                self._hosts[host].active -= 1
                self._changed.notify_all()

    def pause(self, host: str, seconds: float) -> None:
        """Keep every thread away from the host for this long: it asked one of them."""
        with self._changed:
            self._get_host(host).pause(time.monotonic() + seconds)

    def slow_down(self, host: str, seconds: float) -> None:
        """Limit the host to one request in this many seconds, as its robots.txt requires."""
        with self._changed:
            state = self._get_host(host)
            state.interval, state.burst = max(state.interval, seconds), 1

    def stop(self) -> None:
        """End all waiting."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _get_host(self, host: str) -> _Host:
        if host not in self._hosts:
            self._forget_idle()
            interval = 1 / self._settings.requests_per_second
            self._hosts[host] = _Host(interval=interval, burst=self._settings.burst)
        return self._hosts[host]

    def _forget_idle(self) -> None:
        """Remove idle hosts: their bucket is full anyway, and the table stays small."""
        if len(self._hosts) >= _MOST_HOSTS:
            now = time.monotonic()
            self._hosts = {host: state for host, state in self._hosts.items() if state.is_busy(now)}

    def _enter(self, host: str) -> None:
        latest = time.monotonic() + self._settings.total_seconds
        with self._changed:
            state = self._get_host(host)
            while (wait := self._wait(state)) is None or wait > 0:
                self._check_waiting(state, latest)
                self._changed.wait(wait)
            state.take(time.monotonic())

    def _wait(self, state: _Host) -> float | None:
        """Return the seconds until the next turn; None: as soon as another request has ended."""
        if state.active >= self._settings.per_host:
            return None
        return state.compute_free_moment() - time.monotonic()

    def _check_waiting(self, state: _Host, latest: float) -> None:
        if self._stopped:
            raise FetchFailure(
                Outcome.STOPPED, "the collection ended before the host could be asked"
            )
        if state.paused_until > latest:
            left = state.paused_until - time.monotonic()
            raise FetchFailure(
                Outcome.RATE_LIMITED,
                f"the host asked to wait; {left:.0f} s are left, longer than a fetch may take",
            )
