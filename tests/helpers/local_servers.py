"""A site on loopback for the length of a `with`, served as the product serves it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from labeling.review.site_security.server import build_config


@contextmanager
def served(app: ASGIApp, header_seconds: float = 15.0) -> Iterator[str]:
    """Return the site's address."""
    server = uvicorn.Server(build_config(app, 0, header_seconds))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            threading.Event().wait(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
