"""What goes into a fetch and what comes out of it."""

from dataclasses import dataclass, field

from collectors.outcomes import Outcome


@dataclass(frozen=True)
class FetchSettings:
    """Limits of a fetch.

    Attributes:
        contact: an address or page, sent in the User-Agent so that a site's owner can ask.
        connect_seconds: for opening a connection.
        read_seconds: for any one silence of the server.
        total_seconds: for the whole fetch: redirects, waiting, further tries and the body.
        max_bytes: of the body, after its Content-Encoding is undone.
        max_redirects: hops followed.
        tries: how often a URL is asked for while the server says 429 or 503.
        pause_seconds: the wait before the second try where the server names none; then doubled.
        refused_directives: X-Robots-Tag directives that are taken as a refusal, lower case.
    """

    contact: str = ""
    connect_seconds: float = 10.0
    read_seconds: float = 10.0
    total_seconds: float = 30.0
    max_bytes: int = 20_000_000
    max_redirects: int = 5
    tries: int = 3
    pause_seconds: float = 1.0
    refused_directives: frozenset[str] = frozenset({"noai", "noimageai", "noindex"})


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
        try_later: whether the server asked to come back (429 or 503).
        wait_seconds: when, if it said so.
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
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.status = status
        self.byte_count = byte_count
        self.try_later = try_later
        self.wait_seconds = wait_seconds
