"""The settings and the result of a fetch."""

from dataclasses import KW_ONLY, dataclass, field, replace

from collectors.outcomes import Outcome
from data_registry.images.image_limits import DEFAULT_LIMITS

# `none` stands for noindex and nofollow.
REFUSED_DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})


@dataclass(frozen=True, kw_only=True)
class FetchSettings:
    """Limits of a fetch.

    Attributes:
        contact: an address or page, sent in the User-Agent so that a site's owner can reach you.
        connect_seconds: for opening a connection.
        read_seconds: for any one silence of the server.
        total_seconds: for the whole fetch: redirects, waiting, retries and the body. Only waiting
            for our own turn, see below, does not count.
        max_bytes: of the body, after its Content-Encoding is decoded.
        memory_bytes: total size of the bodies over a million bytes that all threads hold.
        max_redirects: hops followed.
        tries: how often a URL is requested while the server answers 429 or fails (a status of 500
            or more).
        patient: whether a lost connection or a silent server is retried as well.
        pause_seconds: the longest wait before the second try if the server names none; then
            doubled. The wait itself is drawn at random below it.
        requests_per_second: to one host, by all threads together; a Crawl-delay is obeyed too.
        burst: requests to a host that may follow each other at once after a rest.
        per_host: requests to one host at the same time.
        refused_directives: X-Robots-Tag directives that count as a refusal, lower case.
        heed_tdm_reservation: whether the header `tdm-reservation: 1` counts as a refusal.
        heed_robots_txt: whether a host's robots.txt is fetched and obeyed.
        allow_loopback: servers on this machine (127.0.0.0/8 and ::1) that may be asked, each as
            ``host:port``, by that very host, and never after a redirect from another host. True
            admits every port, for a program whose URLs are all its own: a project file cannot say
            so. Private networks stay closed all the same.
    """

    contact: str = ""
    connect_seconds: float = 10.0
    read_seconds: float = 10.0
    total_seconds: float = 60.0
    max_bytes: int = DEFAULT_LIMITS.max_bytes
    memory_bytes: int = 32_000_000
    max_redirects: int = 5
    tries: int = 3
    patient: bool = False
    pause_seconds: float = 1.0
    requests_per_second: float = 8.0
    burst: int = 16
    per_host: int = 4
    refused_directives: frozenset[str] = REFUSED_DIRECTIVES
    heed_tdm_reservation: bool = True
    heed_robots_txt: bool = True
    allow_loopback: bool | tuple[str, ...] = False

    def by_own_terms(self) -> "FetchSettings":
        """Adapt the settings to an API, whose terms of use apply instead of its rules for crawlers.

        A lost answer would cost many candidates, so failed requests are retried.
        """
        return replace(
            self,
            refused_directives=frozenset(),
            heed_tdm_reservation=False,
            heed_robots_txt=False,
            patient=True,
        )


@dataclass(frozen=True)
class Fetched:
    """The result of a fetch.

    Attributes:
        failure: why there are no bytes; None if there are.
        data: the body, decoded.
        status: the last HTTP status; 0 if none was received.
        byte_count: bytes received, including those of an abandoned body.
        milliseconds: duration, including waiting.
        detail: what went wrong, in words; empty if nothing did.
    """

    failure: Outcome | None
    data: bytes = field(default=b"", repr=False)
    _: KW_ONLY
    status: int = 0
    byte_count: int = 0
    milliseconds: int = 0
    detail: str = ""


class FetchFailure(Exception):  # noqa: N818 - a fetch's way to its outcome, not an error of ours
    """Ends a fetch early; the fetcher turns it into a `Fetched`.

    Attributes:
        outcome, detail, status, byte_count: as in `Fetched`.
        try_later: whether another try may help (429, or a status of 500 or more).
        wait_seconds: when, if the server said so.
        host: the host that asked to wait, for a failure with `try_later`.
    """

    def __init__(
        self,
        outcome: Outcome,
        detail: str,
        status: int = 0,
        *,
        byte_count: int = 0,
        try_later: bool = False,
        wait_seconds: float | None = None,
        host: str = "",
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.status = status
        self.byte_count = byte_count
        self.try_later = try_later
        self.wait_seconds = wait_seconds
        self.host = host
