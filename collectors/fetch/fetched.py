"""What goes into a fetch and what comes out of it."""

from dataclasses import dataclass, field, replace

from collectors.outcomes import Outcome

# `none` stands for noindex and nofollow.
REFUSED_DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})


@dataclass(frozen=True)
class FetchSettings:
    """Limits of a fetch.

    Attributes:
        contact: an address or page, sent in the User-Agent so that a site's owner can ask.
        connect_seconds: for opening a connection.
        read_seconds: for any one silence of the server.
        total_seconds: for the whole fetch: redirects, waiting, further tries and the body. Only
            waiting for our own turn, see below, does not count.
        max_bytes: of the body, after its Content-Encoding is undone.
        memory_bytes: bodies of more than a million bytes that all threads hold at the same time.
        max_redirects: hops followed.
        tries: how often a URL is asked for while the server says 429 or fails (a status of 500 or
            more).
        patient: whether a lost connection and a silent server are worth another try as well.
        pause_seconds: the longest wait before the second try where the server names none; then
            doubled. The wait itself is drawn at random below it.
        requests_per_second: to one host, by all threads together; a Crawl-delay is heeded too.
        burst: requests to a host that may come at once after a rest.
        per_host: requests to one host at the same time.
        refused_directives: X-Robots-Tag directives that are taken as a refusal, lower case.
        heed_tdm_reservation: whether the header `tdm-reservation: 1` is taken as a refusal.
        heed_robots_txt: whether a host's robots.txt is asked for and obeyed.
        allow_loopback: servers on this machine (127.0.0.0/8 and ::1) that may be asked, each as
            ``host:port``, by that very host, and never after a redirect from another host. True
            admits every port, for a program whose URLs are all its own: a project file cannot say
            so. Private networks stay closed all the same.
    """

    contact: str = ""
    connect_seconds: float = 10.0
    read_seconds: float = 10.0
    total_seconds: float = 60.0
    max_bytes: int = 20_000_000
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
        """For asking an API: its terms of use hold, not what it tells crawlers of its pages.

        Much hangs on each answer, so that it is asked again where an image would be left.
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
    """What came of a fetch.

    Attributes:
        failure: why there are no bytes; None where there are.
        data: the body, decoded.
        status: the last HTTP status, or 0 where none was received.
        byte_count: bytes received, those of a body that was given up included.
        milliseconds: duration, waiting included.
        detail: what went wrong, in words; empty if nothing did.
    """

    failure: Outcome | None
    data: bytes = field(default=b"", repr=False)
    status: int = 0
    byte_count: int = 0
    milliseconds: int = 0
    detail: str = ""


class FetchFailure(Exception):  # noqa: N818 - a fetch's way to its outcome, not an error of ours
    """How the parts of a fetch end it; the fetcher makes a `Fetched` of it.

    Attributes:
        outcome, detail, status, byte_count: as in `Fetched`.
        try_later: whether another try may help (429, or a status of 500 or more).
        wait_seconds: when, if the server said so.
        host: who asked, for a failure with `try_later`.
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
