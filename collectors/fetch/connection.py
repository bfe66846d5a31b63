"""HTTP connections to guarded addresses only, with a deadline for the whole fetch.

The network guard judges the very address to which the socket is then connected, so no redirect, no
unusual spelling of a host and no second name lookup can come in between.

A read timeout alone does not bound a fetch: a server that sends one byte a second never exceeds it,
neither in the headers nor in the body. So the socket's timeout is set before every read to the
remaining time of the fetch.
"""

import http.client
import io
import logging
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection
from urllib3.util.ssl_ import create_urllib3_context

from collectors.fetch.network_guard import NetworkGuard

# urllib3 would log every request line and with it an API's key; the ledger logs each attempt.
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: record.levelno > logging.DEBUG)


class Deadline:
    """A moment on the monotonic clock by which a fetch must have ended."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.restart(seconds)

    def restart(self, seconds: float) -> None:
        """Allow this many seconds from now."""
        self._end = time.monotonic() + seconds

    def get_remaining(self) -> float:
        """Return the remaining seconds; raise TimeoutError if there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time allowed for the whole fetch is over")
        return seconds

    def has_time_for(self, seconds: float) -> bool:
        """Whether this many seconds remain."""
        return time.monotonic() + seconds < self._end

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Stop the clock inside the `with`: waiting for our own turn does not count."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._end += time.monotonic() - began


class GuardedPools(PoolManager):
    """urllib3's pools, one connection for each site, with a deadline and a network guard.

    Nothing is retried, and nothing is read from the environment: no proxies, no passwords.

    Args:
        deadline: of each request.
        guard: judges every address.
        authorities: file of the trusted certificates.
    """

    def __init__(
        self, deadline: Deadline, guard: NetworkGuard, authorities: str = DEFAULT_CA_BUNDLE_PATH
    ) -> None:
        super().__init__(maxsize=1, retries=False, cert_reqs="CERT_REQUIRED")
        self._authorities = authorities
        self.pool_classes_by_scheme = _pool_classes(deadline, guard)
        # Close connections when they leave the pool: urllib3 waits for the garbage collector.
        self.pools.dispose_func = HTTPConnectionPool.close

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: Mapping[str, object] | None = None
    ) -> HTTPConnectionPool:
        context = dict(request_context or self.connection_pool_kw)
        if scheme == "https":
            context["ssl_context"] = self._trust
        return super()._new_pool(scheme, host, port, context)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        # urllib3 by itself reads the certificates for every connection: as long as seven images.
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        context.load_verify_locations(self._authorities)
        return context


def _pool_classes(deadline: Deadline, guard: NetworkGuard) -> dict[str, type[HTTPConnectionPool]]:
    # urllib3 takes classes, not objects, so deadline and guard can only reach them from here.
    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, deadline))

    class PlainConnection(HTTPConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return _open_socket(self, deadline, guard)

    class SecureConnection(HTTPSConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return _open_socket(self, deadline, guard)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}


def _open_socket(
    connection: HTTPConnection, deadline: Deadline, guard: NetworkGuard
) -> socket.socket:
    """Connect to the first of the host's guarded addresses that accepts.

    The connection keeps its host's name, so that Host header, SNI and certificate use the name.
    """
    try:
        addresses = guard.resolve_addresses(connection._dns_host, connection.port)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    failure: OSError = OSError("the host has no address")
    for address in addresses:
        try:
            seconds = _limit_seconds(connection.timeout, deadline.get_remaining())
            return create_connection(
                (address, connection.port), seconds, socket_options=connection.socket_options
            )
        except OSError as error:
            failure = error
    words = f"no connection to {connection.host}: {failure}"
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, words) from failure
    raise NewConnectionError(connection, words) from failure


def _limit_seconds(seconds: float | None, left: float) -> float:
    return left if seconds is None else min(seconds, left)


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
        self._sock.settimeout(_limit_seconds(self._longest, self._deadline.get_remaining()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
