"""Limits on a request's body: its size, the time between two pieces, and the time in all."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeling.review.site_security.errors import Refusal

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class BodyLimits:
    """What a request's body may take.

    Attributes:
        max_bytes: its size.
        idle_seconds: the longest wait for its next piece.
        total_seconds: from its first piece to its last.
    """

    max_bytes: int
    idle_seconds: float = 15.0
    total_seconds: float = 120.0


class LimitedBodies:
    """ASGI middleware that refuses a body beyond the limits, its length stated or not."""

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits
        self._too_large = f"expected at most {limits.max_bytes / MEGABYTE:g} MB in all"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stated = dict(scope["headers"]).get(b"content-length", b"")
        if stated.isdigit() and int(stated) > self._limits.max_bytes:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            refused = PlainTextResponse(f"{status.value}: {self._too_large}", status)
            await refused(scope, receive, send)
            return
        await self._app(scope, _LimitedBody(receive, self._limits, self._too_large).receive, send)


class _LimitedBody:
    """One request's body as it comes in."""

    def __init__(self, receive: Receive, limits: BodyLimits, too_large: str) -> None:
        self._receive = receive
        self._limits = limits
        self._too_large = too_large
        self._seen = 0
        self._complete = False
        self._end = asyncio.get_running_loop().time() + limits.total_seconds

    async def receive(self) -> Message:
        # After the body an app only listens for the client's leaving, which may take for ever.
        message = await (self._receive() if self._complete else self._receive_in_time())
        self._seen += len(message.get("body", b""))
        if self._seen > self._limits.max_bytes:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large)
        self._complete = not message.get("more_body", False)
        return message

    async def _receive_in_time(self) -> Message:
        left = self._end - asyncio.get_running_loop().time()
        try:
            return await asyncio.wait_for(self._receive(), min(left, self._limits.idle_seconds))
        except TimeoutError:
            raise Refusal(
                HTTPStatus.REQUEST_TIMEOUT, "the request's body did not arrive in time"
            ) from None
