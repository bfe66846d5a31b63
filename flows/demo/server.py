"""The demo's image search: a real HTTP server on the loopback address.

GET /search?q=QUERY&page=N   JSON, 20 results a page
GET /images/…                a candidate's image, with the candidate's trouble
GET /photo/N                 its landing page
GET /robots.txt              everything is allowed
"""

import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flows.demo.bay import Bay
from flows.demo.drawing.bodies import Bodies, read_size
from flows.demo.web_gallery import Candidate, plan_gallery

PAGE_SIZE = 20
SLOW_SECONDS = 0.3
RETRY_AFTER_SECONDS = 1
_EARLY = 0.1  # seconds before the end of the wait that are forgiven: clocks differ
_MOVED = "/moved"


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class GalleryServer:
    """Serves one bay's gallery while the `with` block lasts.

    Attributes:
        url: the address without a trailing slash; the port differs from run to run, the paths
            do not.
        candidates: the plan with its truth.
    """

    def __init__(self, bay: Bay) -> None:
        self.candidates = plan_gallery(bay.seed)
        site = Site(self.candidates, Bodies(bay))
        self._server = _HTTPServer(("127.0.0.1", 0), _create_handler(site))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "GalleryServer":
        """Start to serve, in a thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, hang up, and wait for the threads."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class Site:
    """What the gallery answers to each path. Safe to ask from several threads."""

    def __init__(self, candidates: tuple[Candidate, ...], bodies: Bodies) -> None:
        self._candidates = candidates
        self._bodies = bodies
        self._by_path = {candidate.path: candidate for candidate in candidates}
        self._first_asked: dict[str, float] = {}
        self._lock = threading.Lock()

    def answer(self, target: str) -> Reply:
        """Answer a GET of this target (path and query)."""
        parts = urlsplit(target)
        if parts.path == "/search":
            return self._search(parse_qs(parts.query))
        if parts.path.startswith("/photo/"):
            return self._render_landing_page(parts.path)
        if parts.path == "/robots.txt":
            return Reply(
                HTTPStatus.OK, b"User-agent: *\nAllow: /\n", _build_content_type("text/plain")
            )
        moved = parts.path.startswith(_MOVED)
        candidate = self._by_path.get(parts.path.removeprefix(_MOVED))
        if candidate is None or (moved and candidate.trouble != "redirect"):
            return _NOT_FOUND
        return self._send_image(candidate, moved)

    def _send_image(self, candidate: Candidate, moved: bool) -> Reply:
        trouble = candidate.trouble
        if trouble == "missing":
            return _NOT_FOUND
        if trouble == "rate_limited" and self._is_too_early(candidate.path):
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return Reply(HTTPStatus.TOO_MANY_REQUESTS, b"", headers)
        if trouble == "redirect" and not moved:
            return Reply(HTTPStatus.FOUND, b"", {"Location": _MOVED + candidate.path})
        if trouble == "slow":
            time.sleep(SLOW_SECONDS)
        refusal = {"X-Robots-Tag": "noai"} if trouble == "noai" else {}
        return Reply(
            HTTPStatus.OK, self._bodies.of(candidate), _build_content_type("image/jpeg") | refusal
        )

    def _is_too_early(self, path: str) -> bool:
        """Whether the wait that the first answer asked for is not over yet."""
        with self._lock:
            now = time.monotonic()
            waited = now - self._first_asked.setdefault(path, now)
        return waited < RETRY_AFTER_SECONDS - _EARLY

    def _search(self, asked: Mapping[str, list[str]]) -> Reply:
        query = asked.get("q", [""])[0]
        number = asked.get("page", ["1"])[0]
        if not (number.isascii() and number.isdigit() and int(number) > 0):
            return Reply(HTTPStatus.BAD_REQUEST, b"page counts from 1")
        page = int(number)
        found = [candidate for candidate in self._candidates if candidate.query == query]
        shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        following = urlencode({"q": query, "page": page + 1})
        body = {
            "query": query,
            "total": len(found),
            "page": page,
            "results": [self._describe_result(candidate) for candidate in shown],
            "next": f"/search?{following}" if page * PAGE_SIZE < len(found) else None,
        }
        return Reply(
            HTTPStatus.OK, json.dumps(body).encode(), _build_content_type("application/json")
        )

    def _describe_result(self, candidate: Candidate) -> dict[str, Any]:
        width, height = read_size(self._bodies.of(candidate))
        return {
            "url": candidate.path,
            "page_url": candidate.page,
            "licence": candidate.licence.name,
            "licence_url": candidate.licence.url,
            "creator": candidate.creator,
            "title": candidate.title,
            "width": width,
            "height": height,
        }

    def _render_landing_page(self, path: str) -> Reply:
        number = path.removeprefix("/photo/")
        if not (number.isascii() and number.isdigit() and int(number) < len(self._candidates)):
            return _NOT_FOUND
        candidate = self._candidates[int(number)]
        text = (
            f"<!doctype html><title>{escape(candidate.title)}</title>"
            f'<img src="{candidate.path}" alt=""><p>{escape(candidate.creator)}, '
            f"{escape(candidate.licence.name or 'licence not stated')}"
        )
        return Reply(HTTPStatus.OK, text.encode(), _build_content_type("text/html; charset=utf-8"))


_NOT_FOUND = Reply(HTTPStatus.NOT_FOUND, b"nothing here")


def _build_content_type(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type}


class _HTTPServer(ThreadingHTTPServer):
    """Knows its open connections: a client that keeps one open must not delay the end."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer it in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every connection that is still open."""
        for connection in tuple(self._open):
            with suppress(OSError):  # the client was quicker
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """Ignore a client that hangs up."""


def _create_handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection, kept open between requests."""

        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # headers and body leave together: no wait for an acknowledgement

        def do_GET(self) -> None:
            reply = site.answer(self.path)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    return Handler
