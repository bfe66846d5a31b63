"""A real HTTP server on loopback whose pages are small functions, hostile ones included."""

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Page = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: "LoopbackServer"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.note(self)
        page = self.server.pages.get(path)
        if page is None:
            self.answer(b"nothing here", 404, {"Content-Type": "text/plain"})
        else:
            page(self)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def answer(
        self, body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, piece: bytes) -> None:
        """Send the piece again and again until the client goes away or the server stops."""
        while not self.server.stopping.wait(0.05):
            self.wfile.write(piece)

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the tests' output quiet."""


class LoopbackServer(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them, so nothing outlives its test

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, Page] = {}
        self.stopping = threading.Event()
        self.agents: list[str] = []
        self._asked: list[str] = []
        self._lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what the tests are about."""

    def note(self, handler: Handler) -> None:
        with self._lock:
            self._asked.append(urlsplit(handler.path).path)
            self.agents.append(handler.headers.get("User-Agent", ""))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def asked(self, path: str) -> int:
        """How many requests came for a path."""
        with self._lock:
            return self._asked.count(path)

    def put(
        self,
        path: str,
        body: bytes = b"",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Serve a fixed answer and return its URL."""
        self.pages[path] = lambda handler: handler.answer(body, status, headers)
        return self.url(path)

    def page(self, path: str, page: Page) -> str:
        """Serve a function's answer and return its URL."""
        self.pages[path] = page
        return self.url(path)
