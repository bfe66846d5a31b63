"""Fetches URLs from many threads; every fetch comes back with an outcome.

Only http and https, no credentials, no cookies, no proxies or passwords from the environment;
redirects are followed by hand so that every hop is checked; one deadline bounds all that a fetch
does, waiting included.
"""

import threading
import time
from dataclasses import replace
from importlib.metadata import version
from types import TracebackType

from collectors.fetched import Fetched, FetchFailure, FetchSettings
from collectors.visit import Visit


class Fetcher:
    """A pool of visits, one for each thread that fetches. Use it in a `with`."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._local = threading.local()
        self._lock = threading.Lock()
        self._visits: list[Visit] = []
        self._stopping = threading.Event()

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
        """Wait for no server any more: fetches that pause before another try give up."""
        self._stopping.set()

    def close(self) -> None:
        """End every session. No thread may be fetching any more."""
        self.stop()
        with self._lock:
            for visit in self._visits:
                visit.close()
            self._visits.clear()

    def fetch(self, url: str) -> Fetched:
        """Ask for a URL. Whatever the server does, this returns within about `total_seconds`.

        Only the operating system's name lookup is outside that bound.
        """
        started = time.monotonic()
        visit = self._visit()
        visit.deadline.restart(self._settings.total_seconds)
        try:
            fetched = self._with_tries(visit, url)
        except FetchFailure as end:
            fetched = Fetched(
                end.outcome, status=end.status, byte_count=end.byte_count, detail=end.detail
            )
        return replace(fetched, milliseconds=round((time.monotonic() - started) * 1000))

    def _with_tries(self, visit: Visit, url: str) -> Fetched:
        pause = self._settings.pause_seconds
        for _ in range(self._settings.tries - 1):
            try:
                return visit.get(url)
            except FetchFailure as end:
                if not end.try_later:
                    raise
                wait = pause if end.wait_seconds is None else end.wait_seconds
                if not visit.deadline.allows(wait):
                    end.detail += f" and to wait {wait:.0f} s, longer than a fetch may take"
                    raise
                if self._stopping.wait(wait):
                    raise
            pause *= 2
        return visit.get(url)

    def _visit(self) -> Visit:
        visit: Visit | None = getattr(self._local, "visit", None)
        if visit is None:
            visit = Visit(self._settings, user_agent(self._settings.contact))
            self._local.visit = visit
            with self._lock:
                self._visits.append(visit)
        return visit


def user_agent(contact: str) -> str:
    """Who we are, for the User-Agent header; the contact is made fit for a header."""
    words = " ".join(contact.encode("ascii", "replace").decode().split())
    return f"ephyra/{version('ephyra')} (collects images for a dataset; contact: {words or 'none'})"
