"""What the sites on this machine have in common: nobody else's page may speak through a browser."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

_FORBIDDEN = 403
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; "
    "style-src 'unsafe-inline'; script-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

Next = Callable[[Request], Awaitable[Response]]


def local_app(title: str, foreign_pages: str = "") -> FastAPI:
    """An app that answers this machine alone, and forms of its own pages alone.

    Every answer gets headers that let its page load nothing from elsewhere.

    Args:
        title: of the app.
        foreign_pages: the beginning of paths whose answers are pages that others made, such as
            reports with pictures inside; they go without those headers. Empty: there are none.
    """
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])

    @app.middleware("http")
    async def check(request: Request, go_on: Next) -> Response:
        if request.method not in {"GET", "HEAD"} and not _same_origin(request):
            return Response("this form was sent from another site", _FORBIDDEN)
        response = await go_on(request)
        if not foreign_pages or not request.url.path.startswith(foreign_pages):
            for name, value in _HEADERS.items():
                response.headers[name] = value
        return response

    return app


def _same_origin(request: Request) -> bool:
    stated = request.headers.get("sec-fetch-site")
    if stated is not None:
        return stated in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host')}"
