"""One thread's requests: connections, a deadline, checked redirects, a limited body."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import BinaryIO
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse
from urllib3.util import Timeout

from collectors.fetch.body import Body
from collectors.fetch.connection import Deadline, GuardedPools
from collectors.fetch.error_mapping import translate_errors
from collectors.fetch.fetch_context import FetchContext
from collectors.fetch.fetched import Fetched, FetchFailure
from collectors.fetch.http_rules import (
    encode_url,
    explain_url_refusal,
    find_refused_directive,
    get_host,
    join_url,
    map_status_to_outcome,
    may_succeed_later,
    parse_retry_after,
)
from collectors.fetch.robots import LARGEST, MOST_REDIRECTS
from collectors.outcomes import Outcome

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Rule = Callable[[str, bool], None]  # a URL, and whether another host has redirected us there


class HttpSession:
    """Requests URLs, one after the other, within the deadline.

    Args:
        shared: settings, and what the sessions of all threads share.
        user_agent: the User-Agent header.

    Attributes:
        held: memory of the last body; close it when the body is no longer needed.
    """

    def __init__(self, shared: FetchContext, user_agent: str) -> None:
        self.deadline = Deadline()
        self.held = ExitStack()
        self._shared = shared
        self._settings = shared.settings
        self._pools = GuardedPools(self.deadline, shared.guard)
        # Another host must not redirect us to a server of this machine, nor to a connection that
        # is still open to one: so its targets get connections of their own.
        self._foreign_pools = GuardedPools(self.deadline, shared.guard.exclude_loopback())
        self._headers = _build_headers(user_agent)

    def close(self) -> None:
        """Close the connections."""
        self.held.close()
        self._pools.clear()
        self._foreign_pools.clear()

    def get(self, url: str) -> Fetched:
        """Fetch the URL's body.

        Raises:
            FetchFailure: with the outcome.
        """
        with self._open_permitted(url) as response:
            body = self._build_body(response).read_all()
            return Fetched(None, body, status=response.status, byte_count=len(body))

    def download(self, url: str, file: BinaryIO) -> Fetched:
        """Fetch the URL's body and write it to a file, from its beginning.

        Raises:
            FetchFailure: with the outcome; the file may then hold a part of the body.
        """
        with self._open_permitted(url) as response:
            file.seek(0)
            file.truncate()
            size = Body(response, self._settings.max_bytes).write_into(file)
            return Fetched(None, status=response.status, byte_count=size)

    @contextmanager
    def _open_permitted(self, url: str) -> Iterator[BaseHTTPResponse]:
        """Open the answer of a server that permits its use."""
        rule = self._obey_robots if self._settings.heed_robots_txt else _allow_all
        with (
            translate_errors(),
            self._follow_redirects(url, self._settings.max_redirects, rule) as response,
        ):
            self._check_permission(response)
            yield response

    def _read_robots_txt(self, url: str, foreign: bool) -> bytes:
        """Read the beginning of a robots.txt; `Robots` decides what a missing one means."""
        with (
            translate_errors(),
            self._follow_redirects(url, MOST_REDIRECTS, _allow_all, foreign) as response,
        ):
            return Body(response, LARGEST).read_beginning()

    def _obey_robots(self, url: str, foreign: bool) -> None:
        read = partial(self._read_robots_txt, foreign=foreign)
        delay = self._shared.robots.check(url, read, self.deadline)
        if delay > self._settings.total_seconds:
            raise FetchFailure(
                Outcome.REFUSED_ROBOTS,
                f"robots.txt requires {delay:.0f} s between requests, longer than a fetch may take",
            )
        if delay:
            self._shared.limits.slow_down(get_host(url), delay)

    @contextmanager
    def _follow_redirects(
        self, url: str, max_redirects: int, rule: Rule, foreign: bool = False
    ) -> Iterator[BaseHTTPResponse]:
        """Open the successful answer at the end of the redirects, and hold its host's turn.

        Args:
            foreign: whether another host has named the URL.
        """
        first = url
        for hops in count():
            if hops > max_redirects:
                raise FetchFailure(
                    Outcome.TOO_MANY_REDIRECTS,
                    f"redirected more than {max_redirects} times; the next was on {get_host(url)}",
                )
            _check_url(url)
            foreign = foreign or get_host(url) != get_host(first)
            self._check_address(url, foreign)
            rule(url, foreign)
            with ExitStack() as stack:
                with self.deadline.pause():
                    stack.enter_context(self._shared.limits.turn(get_host(url)))
                response = stack.enter_context(self._ask(url, foreign))
                target = _read_redirect(response)
                if target is None:
                    _check_status(response, url)
                    yield response
                    return
                url = join_url(url, target)

    def _check_address(self, url: str, foreign: bool) -> None:
        """Refuse this machine, if another host redirects to it, before asking for robots.txt."""
        guard = self._shared.guard
        if foreign and guard.allow_loopback:
            parts = urlsplit(encode_url(url))
            port = parts.port or (443 if parts.scheme == "https" else 80)
            guard.exclude_loopback().resolve_addresses(parts.hostname or "", port)

    def _ask(self, url: str, foreign: bool) -> BaseHTTPResponse:
        timeout = Timeout(
            total=self.deadline.get_remaining(),
            connect=self._settings.connect_seconds,
            read=self._settings.read_seconds,
        )
        pools = self._foreign_pools if foreign else self._pools
        return pools.urlopen(
            "GET",
            encode_url(url),
            headers=self._headers,
            timeout=timeout,
            redirect=False,
            preload_content=False,
        )

    def _check_permission(self, response: BaseHTTPResponse) -> None:
        lines = response.headers.getlist("X-Robots-Tag")
        directive = find_refused_directive(lines, self._settings.refused_directives)
        if directive:
            raise FetchFailure(
                Outcome.REFUSED_NOAI, f"X-Robots-Tag says {directive}", response.status
            )
        reservation = response.headers.get("tdm-reservation", "").strip()
        if self._settings.heed_tdm_reservation and reservation == "1":
            policy = response.headers.get("tdm-policy", "none is named")
            raise FetchFailure(
                Outcome.REFUSED_TDM, f"tdm-reservation: 1 (policy: {policy})", response.status
            )

    def _build_body(self, response: BaseHTTPResponse) -> Body:
        def hold(size: int) -> None:
            with self.deadline.pause():
                self.held.enter_context(self._shared.memory.reserve(size))

        return Body(response, self._settings.max_bytes, hold)


def _allow_all(_url: str, _foreign: bool) -> None:
    """Apply no rule, as for robots.txt itself and for an API."""


def _check_url(url: str) -> None:
    refusal = explain_url_refusal(url)
    if refusal:
        raise FetchFailure(Outcome.UNSUPPORTED_URL, refusal)


def _check_status(response: BaseHTTPResponse, url: str) -> None:
    status = response.status
    if not 200 <= status < 300:
        raise FetchFailure(
            map_status_to_outcome(status),
            f"the server answered {status} {response.reason}",
            status=status,
            try_later=may_succeed_later(status),
            wait_seconds=parse_retry_after(response.headers.get("Retry-After")),
            host=get_host(url),
        )


def _read_redirect(response: BaseHTTPResponse) -> str | None:
    """Read where a redirect leads; None if it is no redirect, or names no target."""
    location = response.headers.get("Location") if response.status in _REDIRECTS else None
    # http.client reads headers as Latin-1, servers write UTF-8
    return location and location.encode("latin-1").decode("utf-8", "replace")


def _build_headers(user_agent: str) -> dict[str, str]:
    # Images are compressed already. A body that is encoded all the same is decoded under the limit.
    return {"User-Agent": user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
