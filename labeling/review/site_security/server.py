"""uvicorn for a site on this machine, which also ends connections that never finish a request."""

import asyncio
from http import HTTPStatus

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from labeling.review.site_security.headers import SITE_HEADERS

HOST = "127.0.0.1"
_SECONDS = 15.0


def build_config(app: ASGIApp, port: int, header_seconds: float = _SECONDS) -> uvicorn.Config:
    """Build the server's settings.

    Args:
        app: what answers.
        port: of this machine; 0 for any that is free.
        header_seconds: the longest wait for a request's headers.
    """

    class Protocol(_ImpatientProtocol):
        seconds = header_seconds

    return uvicorn.Config(
        app, host=HOST, port=port, log_level="warning", server_header=False, http=Protocol
    )


def serve(app: ASGIApp, port: int) -> None:
    """Serve until the process is told to end."""
    uvicorn.Server(build_config(app, port)).run()


class _ImpatientProtocol(H11Protocol):
    """Closes a connection whose next request is not there in time.

    uvicorn itself waits for ever for the headers of a connection's first request, and for the rest
    of later ones.
    """

    seconds = _SECONDS
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; uvicorn's own answer would go without the site's headers."""
        plain = {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
        headers = [
            (name.encode(), value.encode()) for name, value in (plain | SITE_HEADERS).items()
        ]
        for event in (
            h11.Response(status_code=HTTPStatus.BAD_REQUEST, headers=headers),
            h11.Data(data=f"{HTTPStatus.BAD_REQUEST.value}: {msg}".encode("ascii")),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch(self) -> None:
        if not self._waits_for_request():
            self._stop_waiting()
        elif self._due is None:
            self._due = self.loop.call_later(self.seconds, self._close_unless_busy)

    def _waits_for_request(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _close_unless_busy(self) -> None:
        self._due = None
        if self._waits_for_request():
            self.transport.close()
