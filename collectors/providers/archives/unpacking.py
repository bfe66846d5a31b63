"""Decompress with limits on bytes, memory and time.

`zipfile` unpacks bzip2 and LZMA members piece by piece, however large the output, and LZMA's
dictionary is as large as the file states. So decoders are asked here for a number of bytes.
"""

import bz2
import io
import lzma
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Protocol

PIECE = 1 << 20  # bytes read, and unpacked, at a time
LONGEST = 3600.0  # seconds of work on one archive: a tar.bz2 of 10 GB takes half of it
_XZ_MEMORY = 150_000_000  # bytes: `xz -9` needs 65 million
_LEAST_DICTIONARY = 4096
_LZMA_HEADER = 9  # bytes before the data of a zip member: version, length, properties


class Decoder(Protocol):
    """The interface of the decompressors of `bz2` and `lzma`."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether further output needs further input."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after the stream's end."""

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Decompress data to at most this many bytes."""


class Clock:
    """Limits the time spent on an archive, over all threads.

    Args:
        seconds: the limit.
    """

    def __init__(self, seconds: float = LONGEST) -> None:
        self._left = seconds
        self._began: float | None = None

    @contextmanager
    def measure_time(self) -> Iterator[None]:
        """Measure the time inside the `with`; for one thread at a time."""
        self._began = time.monotonic()
        try:
            yield
        finally:
            self._left -= time.monotonic() - self._began
            self._began = None

    def check(self) -> None:
        """Raise TimeoutError when the time is up."""
        passed = 0.0 if self._began is None else time.monotonic() - self._began
        if passed >= self._left:
            raise TimeoutError("unpacking it takes longer than an archive may")


class Inflate:
    """zlib's decompressor with the interface of the others."""

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        """See `Decoder`."""
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        """See `Decoder`."""
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """See `Decoder`."""
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """See `Decoder`."""
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


# By the first bytes of a compressed tar.
STREAMS: Mapping[bytes, Callable[[], Decoder]] = {
    b"\x1f\x8b": lambda: Inflate(16 + zlib.MAX_WBITS),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
}


def unpack(packed: IO[bytes], decoder: Decoder, most_bytes: int, clock: Clock) -> bytes:
    """Unpack the first bytes of one compressed stream.

    Raises:
        EOFError: the stream is cut off before its end, or before that many bytes.
        TimeoutError: the archive's time is up.
    """
    unpacked = io.BytesIO()
    while (left := most_bytes - unpacked.tell()) > 0 and not decoder.eof:
        clock.check()
        unpacked.write(decoder.decompress(_read_input(packed, decoder), min(left, PIECE)))
    return unpacked.getvalue()


def unpack_pieces(packed: IO[bytes], clock: Clock) -> Iterator[bytes]:
    """Unpack a compressed file piece by piece: one stream, or several in a row.

    Padding after the last stream is left out.

    Raises:
        EOFError: a stream is cut off.
        TimeoutError: the archive's time is up.
    """
    beginning = packed.read(PIECE)
    while make := find_decoder(beginning):
        decoder = make()
        waiting = beginning
        while not decoder.eof:
            clock.check()
            data = waiting or _read_input(packed, decoder)
            waiting = b""
            if piece := decoder.decompress(data, PIECE):
                yield piece
        beginning = decoder.unused_data
        if len(beginning) < max(map(len, STREAMS)):
            beginning += packed.read(PIECE)


def find_decoder(beginning: bytes) -> Callable[[], Decoder] | None:
    """Find the decoder of a file by its first bytes; None if it is not compressed."""
    return next((make for magic, make in STREAMS.items() if beginning.startswith(magic)), None)


def build_lzma_decoder(packed: IO[bytes], most_bytes: int) -> Decoder:
    """Read the header of a zip's LZMA member and build its decoder.

    No byte refers further back than the unpacked size, so the dictionary is never larger.

    Raises:
        EOFError, ValueError: the header is cut off or invalid.
    """
    header = packed.read(_LZMA_HEADER)
    if len(header) < _LZMA_HEADER:
        raise EOFError("the LZMA header is cut off")
    if int.from_bytes(header[2:4], "little") != 5:
        raise ValueError("the LZMA header has another length")
    rest, lc = divmod(header[4], 9)
    pb, lp = divmod(rest, 5)
    dictionary = min(int.from_bytes(header[5:9], "little"), max(most_bytes, _LEAST_DICTIONARY))
    properties = {"lc": lc, "lp": lp, "pb": pb, "dict_size": max(dictionary, _LEAST_DICTIONARY)}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, **properties}])


def _read_input(packed: IO[bytes], decoder: Decoder) -> bytes:
    if not decoder.needs_input:
        return b""
    data = packed.read(PIECE)
    if not data:
        raise EOFError("the compressed data are cut off")
    return data
