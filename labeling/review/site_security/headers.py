"""Security headers on every response, and a plain error where the app itself fails."""

import base64
import hashlib
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Pages of a site load nothing from elsewhere and run only the site's own script files.
SITE_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ON_EVERY_RESPONSE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# What a server sends before any application is asked.
SITE_HEADERS = {"Content-Security-Policy": SITE_POLICY} | _ON_EVERY_RESPONSE
_FAILED = "The site failed while it answered this request. Its log says why."

_log = logging.getLogger(__name__)


def build_document_policy(scripts: Iterable[str]) -> str:
    """Build the policy of self-contained pages: no forms, and no script but the given inline ones.

    Args:
        scripts: the text of each inline script that may run, exactly as it stands between its tags.
    """
    allowed = " ".join(_hash_source(script) for script in scripts) or "'none'"
    return (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
        f"script-src {allowed}; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )


class SecurityHeaders:
    """ASGI middleware that adds the headers to every response. It must be the outermost.

    Args:
        app: the application.
        policies: another Content-Security-Policy by the beginning of a path.
    """

    def __init__(self, app: ASGIApp, policies: Mapping[str, str]) -> None:
        self._app = app
        self._policies = policies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; an exception becomes a plain 500 with the same headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {"Content-Security-Policy": self._find_policy(scope["path"])} | _ON_EVERY_RESPONSE
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(headers)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            # Starlette's own handler of last resort stands outside of every middleware, so that its
            # response would go without headers.
            if started:
                raise
            _log.exception("the site failed")
            failed = PlainTextResponse(_FAILED, HTTPStatus.INTERNAL_SERVER_ERROR)
            await failed(scope, receive, send_with_headers)

    def _find_policy(self, path: str) -> str:
        matches = (policy for start, policy in self._policies.items() if path.startswith(start))
        return next(matches, SITE_POLICY)


def _hash_source(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
