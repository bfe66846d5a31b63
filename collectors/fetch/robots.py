"""Obey robots.txt (RFC 9309), fetched once for each site and kept for a day."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from protego import Protego

from collectors.fetch.connection import Deadline
from collectors.fetch.fetched import FetchFailure
from collectors.fetch.http_rules import AGENT
from collectors.outcomes import Outcome

LARGEST = 500 * 1024  # bytes that are read; RFC 9309, 2.5 asks for at least as many
MOST_REDIRECTS = 5  # RFC 9309, 2.3.1.2
_KEPT_SECONDS = 24 * 3600.0  # RFC 9309, 2.4
_UNREACHABLE_SECONDS = 300.0
# A site without a usable robots.txt forbids nothing (RFC 9309, 2.3.1.3).
_UNAVAILABLE = frozenset(
    {
        Outcome.NOT_FOUND,
        Outcome.HTTP_ERROR,
        Outcome.TOO_MANY_REDIRECTS,
        Outcome.UNSUPPORTED_URL,
    }
)

_MOST_SITES = 10_000
_MOST_TEXT = 1_000_000  # bytes of robots.txt; parsed, they take about twenty times as much memory
_AGENT_LINE = re.compile(r"\s*user[-\s]*agent\s*:?\s*([^#]*)", re.IGNORECASE)
_TOKEN = re.compile(r"[a-z_-]*")
_ALL_ALLOWED = Protego.parse("")

Read = Callable[[str], bytes]  # the file at a URL, cut at LARGEST, or FetchFailure


@dataclass(kw_only=True)
class _Site:
    """One site's rules, and how long they hold.

    Attributes:
        lock: held by the thread that asks the site, so that the others wait for its answer.
        rules: the parsed file.
        failure: why there are none; the site is then skipped.
        size: bytes of the file.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    holds_until: float = 0.0
    rules: Protego = _ALL_ALLOWED
    failure: FetchFailure | None = None
    size: int = 0


class Robots:
    """The robots.txt of every site; shared by all threads."""

    def __init__(self) -> None:
        self._sites: OrderedDict[str, _Site] = OrderedDict()
        self._lock = threading.Lock()
        self._parsing = threading.Lock()

    def check(self, url: str, read: Read, deadline: Deadline) -> float:
        """Check whether a URL may be fetched.

        Args:
            url: an http or https URL.
            read: fetches a robots.txt that is not known yet.
            deadline: paused while another thread asks the site.

        Returns:
            Seconds that the site requires between requests (Crawl-delay), or 0.

        Raises:
            FetchFailure: the site refuses (``refused_robots``), or its robots.txt cannot be
                fetched for now: then with the outcome of that fetch.
        """
        robots_url = _build_robots_url(url)
        site = self._get_site(robots_url)
        with deadline.pause():
            site.lock.acquire()
        try:
            if site.holds_until < time.monotonic():
                self._ask(site, robots_url, read)
                self._forget_oldest()
            return _apply_rules(site, url, robots_url)
        finally:
            site.lock.release()

    def _get_site(self, robots_url: str) -> _Site:
        """Return the site's entry, and mark it as the most recently used."""
        with self._lock:
            site = self._sites.setdefault(robots_url, _Site())
            self._sites.move_to_end(robots_url)
            return site

    def _forget_oldest(self) -> None:
        with self._lock:
            text = sum(site.size for site in self._sites.values())
            while text > _MOST_TEXT or len(self._sites) > _MOST_SITES:
                _, forgotten = self._sites.popitem(last=False)
                text -= forgotten.size

    def _ask(self, site: _Site, robots_url: str, read: Read) -> None:
        rules, failure, size, kept = _ALL_ALLOWED, None, 0, _KEPT_SECONDS
        try:
            data = read(robots_url)
            if data.strip():
                with self._parsing:  # one at a time: a large file takes memory while it is parsed
                    rules, size = parse_robots_txt(data), len(data)
        except FetchFailure as end:
            if end.outcome not in _UNAVAILABLE:
                # a new one: the caught one would keep its whole stack alive
                failure = FetchFailure(end.outcome, end.detail, end.status)
                kept = min(max(_UNREACHABLE_SECONDS, end.wait_seconds or 0.0), _KEPT_SECONDS)
        site.rules, site.failure, site.size = rules, failure, size
        site.holds_until = time.monotonic() + kept


def parse_robots_txt(data: bytes) -> Protego:
    """Parse the rules of a robots.txt for us and for everybody.

    All other agents are renamed to one name: a file with thousands of rules for thousands of agents
    would otherwise take gigabytes.
    """
    return Protego.parse(
        "\n".join(_rename_agent(line) for line in data.decode("utf-8-sig", "replace").splitlines())
    )


def _rename_agent(line: str) -> str:
    found = _AGENT_LINE.match(line)
    if not found:
        return line
    name = found[1].strip().lower()
    token = _TOKEN.match(name)
    ours = token is not None and token[0] == AGENT
    return f"User-agent: {AGENT if ours else '*' if name == '*' else '-'}"


def _build_robots_url(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}/robots.txt"


def _apply_rules(site: _Site, url: str, robots_url: str) -> float:
    if site.failure is not None:
        raise FetchFailure(
            site.failure.outcome,
            f"{robots_url} could not be fetched, so the site is skipped for now: "
            f"{site.failure.detail}",
            site.failure.status,
        )
    if not site.rules.can_fetch(url, AGENT):
        raise FetchFailure(Outcome.REFUSED_ROBOTS, f"{robots_url} keeps {AGENT} out")
    return site.rules.crawl_delay(AGENT) or 0.0
