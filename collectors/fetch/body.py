"""Read a response's body piece by piece under a limit."""

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

from urllib3 import BaseHTTPResponse

from collectors.fetch.fetched import FetchFailure
from collectors.outcomes import Outcome

SMALL = 1_000_000  # bytes that every thread may hold without reserving memory
_PIECE = 64 * 1024  # bytes read at a time, and the most that a decoder returns at once
_MOST_DIGITS = 19


def _allow_any_size(_: int) -> None:
    """Reserve nothing: memory without a limit."""


class Body:
    """Reads a body once.

    Args:
        response: an answer whose body is unread.
        limit: maximum number of bytes, after its Content-Encoding is decoded.
        hold: called with the size that a large body may have, before it is read.
    """

    def __init__(
        self, response: BaseHTTPResponse, limit: int, hold: Callable[[int], None] = _allow_any_size
    ) -> None:
        self._response = response
        self._limit = limit
        self._hold = hold
        self._encoded = response.headers.get("Content-Encoding", "identity") != "identity"

    def read_all(self) -> bytes:
        """Read all of it.

        Raises:
            FetchFailure: it is larger than the limit (``too_large``; ``encoding_bomb`` if it is
                larger only after its Content-Encoding is decoded).
        """
        announced = self._read_content_length()
        if announced > self._limit:
            raise self._build_size_failure(f"{announced:,} bytes are announced", 0)
        with io.BytesIO() as body:  # hands its bytes over without a copy
            for piece in self._iterate_pieces():
                self._ask_for_memory(body.tell(), body.tell() + len(piece), announced)
                body.write(piece)
                if body.tell() > self._limit:
                    raise self._build_size_failure("the body goes on", body.tell())
            return body.getvalue()

    def write_into(self, file: BinaryIO) -> int:
        """Write all of it to a file, and return the number of bytes.

        Raises:
            FetchFailure: see `read_all`.
        """
        announced, written = self._read_content_length(), 0
        if announced > self._limit:
            raise self._build_size_failure(f"{announced:,} bytes are announced", 0)
        for piece in self._iterate_pieces():
            written += file.write(piece)
            if written > self._limit:
                raise self._build_size_failure("the body goes on", written)
        return written

    def read_beginning(self) -> bytes:
        """Read what fits under the limit; the rest stays unread."""
        body = bytearray()
        for piece in self._iterate_pieces():
            body += piece
            if len(body) >= self._limit:
                break
        return bytes(body[: self._limit])

    def _iterate_pieces(self) -> Iterator[bytes]:
        # read1 comes back after each packet; read would sit in a slow drip until the piece is full
        # and what needs no decoding is handed over without another copy
        while piece := self._response.read1(_PIECE, decode_content=self._encoded):
            yield piece

    def _ask_for_memory(self, before: int, after: int, announced: int) -> None:
        if before <= SMALL < after:
            known = announced and not self._encoded
            self._hold(announced if known else self._limit)

    def _read_content_length(self) -> int:
        text = self._response.headers.get("Content-Length", "")
        if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
            return int(text)
        return 0

    def _build_size_failure(self, found: str, received: int) -> FetchFailure:
        on_the_wire = self._response.tell()
        bomb = self._encoded and on_the_wire <= self._limit < received
        return FetchFailure(
            Outcome.ENCODING_BOMB if bomb else Outcome.TOO_LARGE,
            f"{found}; at most {self._limit:,} bytes are accepted",
            self._response.status,
            byte_count=received,
        )
