"""Read URLs and HTTP headers: small pure functions."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import requests

from collectors.outcomes import Outcome

AGENT = "ephyra"  # our name in a site's rules
_NOTHING_THERE = frozenset({404, 410})
_TOO_MANY_REQUESTS = 429
_BUSY = frozenset({_TOO_MANY_REQUESTS, 503})
_FOR_EVER = frozenset({501, 505, 510, 511})  # the server cannot do it at all, or requires a login
_LONGEST_NUMBER = 9  # digits; more seconds than that are as good as forever
_PLAIN = re.compile(r"https?://[0-9A-Za-z][!-~]*")  # ASCII without spaces
_DIRECTIVES_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview")


def explain_url_refusal(url: str) -> str:
    """Explain why a URL cannot be fetched; empty if it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError as error:
        return f"the URL is malformed: {error}"
    if parts.scheme not in ("http", "https"):
        return f"the URL's scheme is {parts.scheme!r}; expected http or https"
    if "@" in parts.netloc:
        return "the URL contains a user name or password; remove them"
    return "" if host else "the URL names no host"


def get_host(url: str) -> str:
    """Return the host of a valid URL, without the port, as the host limits count it."""
    return (urlsplit(url).hostname or "").rstrip(".")


def join_url(base: str, target: str) -> str:
    """Join a URL that may be relative; return one that is too malformed to join unchanged."""
    try:
        return urljoin(base, target)
    except ValueError:
        return target


def encode_url(url: str) -> str:
    """Encode a URL in the characters that may be sent.

    Plain ASCII stays as it is. requests encodes the rest: it knows host names of every script, and
    which ones are impossible.

    Raises:
        requests.exceptions.InvalidURL: the host name is impossible.
    """
    if _PLAIN.fullmatch(url):
        return url
    return requests.Request("GET", url).prepare().url or url


def map_status_to_outcome(status: int) -> Outcome:
    """Map a status without an image to its outcome."""
    if status in _NOTHING_THERE:
        return Outcome.NOT_FOUND
    if status == _TOO_MANY_REQUESTS:
        return Outcome.RATE_LIMITED
    return Outcome.SERVER_ERROR if status >= 500 else Outcome.HTTP_ERROR


def may_succeed_later(status: int) -> bool:
    """Whether the same request may succeed a moment later."""
    return status == _TOO_MANY_REQUESTS or (status >= 500 and status not in _FOR_EVER)


def is_host_busy(status: int) -> bool:
    """Whether the status concerns the whole host, not just this URL."""
    return status in _BUSY


def parse_retry_after(value: str | None) -> float | None:
    """Parse the seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3).

    Args:
        value: a number of seconds or an HTTP date.

    Returns:
        At least 0; None if there is no header or it is malformed.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:_LONGEST_NUMBER])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def find_refused_directive(lines: Iterable[str], refused: frozenset[str]) -> str:
    """Find the first directive of X-Robots-Tag headers that refuses us; empty if none does.

    Args:
        lines: the header's values, one for each time it was sent. A value may begin with the
            agent that it addresses: ``otherbot: noindex`` does not address us.
        refused: directives that count as a refusal, lower case.
    """
    for line in lines:
        agent = ""
        for part in line.lower().split(","):
            name, colon, rest = part.partition(":")
            addressed = bool(colon) and name.strip() not in _DIRECTIVES_WITH_VALUE
            agent = name.strip() if addressed else agent
            directive = rest.strip() if addressed else part.strip()
            if agent in ("", "*", AGENT) and directive in refused:
                return directive
    return ""
