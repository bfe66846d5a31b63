"""One thread's way of asking servers: a session, a deadline, redirects by hand, a capped body."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3
from urllib3.util import Timeout

from collectors.connection import Deadline, DeadlineAdapter
from collectors.fetched import Fetched, FetchFailure, FetchSettings
from collectors.http_rules import (
    join_url,
    outcome_of_status,
    refused_directive,
    retry_after,
    url_refusal,
)
from collectors.outcomes import Outcome

_PIECE = 64 * 1024  # bytes read at a time, and the most that a decoder gives at once
_TRY_LATER = frozenset({429, 503})


class Visit:
    """Asks for URLs, one after the other, within the deadline.

    Args:
        settings: the limits.
        user_agent: who we say we are.
    """

    def __init__(self, settings: FetchSettings, user_agent: str) -> None:
        self.deadline = Deadline()
        self._settings = settings
        self._session = _session(self.deadline, user_agent)

    def close(self) -> None:
        """End the session and its connections."""
        self._session.close()

    def get(self, url: str) -> Fetched:
        """Follow the URL to a body.

        Raises:
            FetchFailure: with the outcome.
        """
        with _named_errors():
            for _ in range(self._settings.max_redirects + 1):
                self._check(url)
                with self._ask(url) as response:
                    if not response.is_redirect:
                        return self._take(response)
                    url = join_url(url, _location(response))
        raise FetchFailure(
            Outcome.TOO_MANY_REDIRECTS,
            f"redirected more than {self._settings.max_redirects} times; the next was {url[:200]}",
        )

    @staticmethod
    def _check(url: str) -> None:
        refusal = url_refusal(url)
        if refusal:
            raise FetchFailure(Outcome.UNSUPPORTED_URL, refusal)

    def _ask(self, url: str) -> requests.Response:
        timeout = Timeout(
            total=self.deadline.left(),
            connect=self._settings.connect_seconds,
            read=self._settings.read_seconds,
        )
        # requests hands a Timeout of urllib3 through, though its types do not say so
        return self._session.get(
            url,
            stream=True,
            allow_redirects=False,
            timeout=timeout,  # type: ignore[arg-type]
        )

    def _take(self, response: requests.Response) -> Fetched:
        status = response.status_code
        if not 200 <= status < 300:
            wait = retry_after(response.headers.get("Retry-After"))
            raise FetchFailure(
                outcome_of_status(status),
                f"the server answered {status} {response.reason}",
                status=status,
                try_later=status in _TRY_LATER,
                wait_seconds=wait,
            )
        self._check_permission(response)
        body = self._body(response)
        return Fetched(None, body, status, byte_count=len(body))

    def _check_permission(self, response: requests.Response) -> None:
        lines = response.raw.headers.getlist("X-Robots-Tag")
        directive = refused_directive(lines, self._settings.refused_directives)
        if directive:
            raise FetchFailure(
                Outcome.REFUSED_NOAI, f"X-Robots-Tag says {directive}", response.status_code
            )

    def _body(self, response: requests.Response) -> bytes:
        limit = self._settings.max_bytes
        announced = response.headers.get("Content-Length", "")
        if (
            announced.isascii()
            and announced.isdigit()
            and len(announced) < 20
            and int(announced) > limit
        ):
            raise self._too_large(response, f"{int(announced):,} bytes are announced", 0)
        body = bytearray()
        # read1 comes back after each packet; read would sit in a slow drip until the piece is full
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > limit:
                raise self._too_large(response, "the body goes on", len(body))
        return bytes(body)

    def _too_large(self, response: requests.Response, found: str, received: int) -> FetchFailure:
        return FetchFailure(
            Outcome.TOO_LARGE,
            f"{found}; at most {self._settings.max_bytes:,} bytes are accepted",
            response.status_code,
            byte_count=received,
        )


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: left alone, requests reads a redirect's whole body, however long it is."""


def _location(response: requests.Response) -> str:
    # http.client reads headers as Latin-1, servers write UTF-8
    return response.headers["Location"].encode("latin-1").decode("utf-8", "replace")


def _session(deadline: Deadline, user_agent: str) -> requests.Session:
    session = _Session()
    session.trust_env = False  # no proxies, no .netrc, no certificates from the environment
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Images are compressed already. A server that encodes all the same is decoded under the cap.
    session.headers.update(
        {"User-Agent": user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(deadline))
    return session


@contextmanager
def _named_errors() -> Iterator[None]:
    """Give the errors of requests and urllib3 the names of outcomes.

    Before the headers requests wraps urllib3's errors in its own; the body is read from urllib3.
    """
    try:
        yield
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise FetchFailure(Outcome.TIMEOUT, str(error)) from error
    except urllib3.exceptions.DecodeError as error:
        raise FetchFailure(Outcome.BROKEN_ENCODING, str(error)) from error
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        urllib3.exceptions.LocationValueError,
        UnicodeError,
    ) as error:
        raise FetchFailure(Outcome.UNSUPPORTED_URL, f"the URL is malformed: {error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchFailure(Outcome.CONNECTION_FAILED, str(error)) from error
