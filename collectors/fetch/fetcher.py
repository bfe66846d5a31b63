"""Fetch URLs from many threads; every fetch returns an outcome.

Only http and https, no credentials, no cookies, no proxies or passwords from the environment;
redirects are followed by hand so that every hop is checked; one deadline bounds the whole fetch,
including waiting. `collectors.fetch.network_guard` decides which machines may be contacted,
`collectors.fetch.host_limits` how often, and `collectors.fetch.robots` what the owners allow.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from types import TracebackType
from typing import BinaryIO

from collectors.fetch.fetch_context import FetchContext
from collectors.fetch.fetched import Fetched, FetchFailure, FetchSettings
from collectors.fetch.http_rules import is_host_busy
from collectors.fetch.http_session import HttpSession
from collectors.fetch.network_guard import Resolver, resolve_host
from collectors.outcomes import Outcome
from data_registry.images.memory import SharedMemory

_LOST = frozenset({Outcome.CONNECTION_FAILED, Outcome.TIMEOUT})


class Fetcher:
    """A pool of sessions, one for each thread that fetches; use it in a `with`.

    Args:
        settings: limits of a fetch, and of all fetches together.
        resolve: the name lookup; every address is judged before a connection is made.
    """

    def __init__(self, settings: FetchSettings, resolve: Resolver = resolve_host) -> None:
        self._settings = settings
        self._shared = FetchContext(settings, resolve)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[HttpSession] = []
        self._stopping = threading.Event()

    @property
    def memory(self) -> SharedMemory:
        """The memory that large files share, whatever their source."""
        return self._shared.memory

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def stop(self) -> None:
        """Stop waiting: fetches that pause or wait for their turn give up."""
        self._stopping.set()
        self._shared.limits.stop()

    def close(self) -> None:
        """Close every session; no thread may be fetching any more."""
        self.stop()
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def fetch(self, url: str) -> Fetched:
        """Fetch a URL. Whatever the server does, this returns within about `total_seconds`.

        Only the operating system's name lookup and waiting for our own turn at the host are
        outside that bound.
        """
        with self.fetch_and_hold(url) as fetched:
            return fetched

    def download(self, url: str, file: BinaryIO) -> Fetched:
        """Fetch a URL and write its body to a file; the result holds no data."""
        with self._request(lambda session: session.download(url, file)) as fetched:
            return fetched

    @contextmanager
    def fetch_and_hold(self, url: str) -> Iterator[Fetched]:
        """Fetch a URL, and account for the body's memory until the end of the `with`."""
        with self._request(lambda session: session.get(url)) as fetched:
            yield fetched

    @contextmanager
    def _request(self, ask: Callable[[HttpSession], Fetched]) -> Iterator[Fetched]:
        started = time.monotonic()
        session = self._get_session()
        session.deadline.restart(self._settings.total_seconds)
        with session.held:
            try:
                fetched = self._request_with_retries(session, ask)
            except FetchFailure as end:
                fetched = Fetched(
                    end.outcome, status=end.status, byte_count=end.byte_count, detail=end.detail
                )
            yield replace(fetched, milliseconds=round((time.monotonic() - started) * 1000))

    def _request_with_retries(
        self, session: HttpSession, ask: Callable[[HttpSession], Fetched]
    ) -> Fetched:
        for number in range(self._settings.tries):
            try:
                return ask(session)
            except FetchFailure as end:
                if not self._is_worth_another(end):
                    raise
                wait = self._keep_away(end, number)
                if not session.deadline.has_time_for(wait):
                    end.detail += f"; the next try would be in {wait:.0f} s, after the time limit"
                    raise
                is_last = number == self._settings.tries - 1
                if is_last or self._stopping.wait(wait):
                    raise
        raise ValueError(f"tries = {self._settings.tries}; expected at least 1")

    def _is_worth_another(self, end: FetchFailure) -> bool:
        return end.try_later or (self._settings.patient and end.outcome in _LOST)

    def _keep_away(self, end: FetchFailure, number: int) -> float:
        """Choose the seconds until the next try; pause a host that asked for it for all threads."""
        wait = end.wait_seconds
        if wait is None:
            # full jitter: threads that failed together do not come back together
            wait = random.uniform(0, self._settings.pause_seconds * 2**number)
        if end.host and (end.wait_seconds is not None or is_host_busy(end.status)):
            self._shared.limits.pause(end.host, wait)
        return wait

    def _get_session(self) -> HttpSession:
        session: HttpSession | None = getattr(self._local, "session", None)
        if session is None:
            session = HttpSession(self._shared, format_user_agent(self._settings.contact))
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session


def format_user_agent(contact: str) -> str:
    """Format the User-Agent header, with a contact in ASCII."""
    words = " ".join(contact.encode("ascii", "replace").decode().split())
    return f"ephyra/{version('ephyra')} (collects images for a dataset; contact: {words or 'none'})"
