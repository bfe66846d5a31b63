"""A token in the start address, so that no other user of the machine is answered.

Every user of a machine reaches its loopback addresses. The start address that a command prints
holds a random token; opening it once puts the token into a cookie. Programs send it as
``Authorization: Bearer TOKEN`` or in the address.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from data_registry.errors import InputError

TOKEN_VARIABLE = "EPHYRA_SITE_TOKEN"
_FIELD = "token"
_LEAST_LENGTH = 16
_BEARER = "bearer "
_REFUSED = (
    "403: this site answers its owner alone. Open the address that the command printed: it ends in "
    f"?{_FIELD}=..."
)


def create_token() -> str:
    """Return the token that the environment states, or a new random one.

    Raises:
        InputError: the stated one is too short to be a secret.
    """
    stated = os.environ.get(TOKEN_VARIABLE, "")
    if stated and len(stated) < _LEAST_LENGTH:
        raise InputError(
            f"{TOKEN_VARIABLE} has {len(stated)} characters; expected at least {_LEAST_LENGTH}: "
            "state a longer one, or none to have a random one made"
        )
    return stated or secrets.token_urlsafe(32)


def build_start_address(site: str, token: str) -> str:
    """Build the address that a person opens first."""
    return f"{site}/?{urlencode({_FIELD: token})}"


class OwnerOnly:
    """ASGI middleware that answers only requests with the token.

    Args:
        app: the application.
        token: what a request must know.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token
        # A browser sends a host's cookies to all of its ports: two sites need two names.
        self._cookie = f"ephyra-{hashlib.sha256(token.encode()).hexdigest()[:12]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if self._is_token(request.query_params.get(_FIELD, "")) and request.method == "GET":
            await self._store_in_cookie(request)(scope, receive, send)
        elif any(map(self._is_token, self._find_stated(request))):
            await self._app(scope, receive, send)
        else:
            refused = PlainTextResponse(_REFUSED, HTTPStatus.FORBIDDEN)
            await refused(scope, receive, send)

    def _find_stated(self, request: Request) -> Iterator[str]:
        yield request.cookies.get(self._cookie, "")
        yield request.query_params.get(_FIELD, "")
        stated = request.headers.get("authorization", "")
        if stated.lower().startswith(_BEARER):
            yield stated[len(_BEARER) :].strip()

    def _is_token(self, stated: str) -> bool:
        return secrets.compare_digest(stated.encode(), self._token.encode())

    def _store_in_cookie(self, request: Request) -> Response:
        """Put the token into a cookie, and out of the address bar and the history."""
        response = RedirectResponse(
            str(request.url.remove_query_params(_FIELD)), HTTPStatus.SEE_OTHER
        )
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
        return response
