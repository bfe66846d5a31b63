"""HTTP connections whose every read ends when the whole fetch must end.

A read timeout alone does not bound a fetch: a server that sends one byte a second never trips it,
neither in the headers nor in the body. So the socket's timeout is set anew before every read, to
what is left of the fetch's own time.
"""

import http.client
import io
import socket
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadline:
    """A moment on the monotonic clock by which a fetch must have ended."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.restart(seconds)

    def restart(self, seconds: float) -> None:
        """Allow this many seconds from now."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left; TimeoutError if there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time allowed for the whole fetch is over")
        return seconds

    def allows(self, seconds: float) -> bool:
        """Whether so many seconds may still pass."""
        return time.monotonic() + seconds < self._end


class DeadlineAdapter(HTTPAdapter):
    """A `requests` adapter: its connections obey the deadline that it is given."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__(pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Called by `HTTPAdapter` when it is made."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._deadline)
        # Close connections when they leave the pool: urllib3 waits for the garbage collector.
        self.poolmanager.pools.dispose_func = HTTPConnectionPool.close


def _pool_classes(deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    # urllib3 is given classes, not objects, so the deadline can only reach a response from here.
    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, deadline))

    class PlainConnection(HTTPConnection):
        response_class = Response

    class SecureConnection(HTTPSConnection):
        response_class = Response

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline
        # What one read may take at most, as urllib3 has set it for this request.
        self._longest = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.left()
        self._sock.settimeout(left if self._longest is None else min(self._longest, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
