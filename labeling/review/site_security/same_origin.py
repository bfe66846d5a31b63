"""Forms of a site's own pages alone: another site's page must not speak through a browser."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_REFUSED = "403: this form was sent from another site"


class OwnFormsOnly:
    """ASGI middleware that refuses to change anything for another site's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if _changes_something(scope) and not _is_same_origin(Request(scope)):
            await PlainTextResponse(_REFUSED, HTTPStatus.FORBIDDEN)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _changes_something(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}


def _is_same_origin(request: Request) -> bool:
    stated = request.headers.get("sec-fetch-site")
    if stated is not None:
        return stated in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host')}"
