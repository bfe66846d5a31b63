"""The files of a tar, read header by header.

`tarfile` reads a pax header or a long name whole, of whatever size is stated; it follows sizes
below 0 back to where it came from; and its way of reading pax records takes a gigabyte for 64 KB.
So it is only used here to take single headers apart (`tarfile.TarInfo.frombuf`).
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from collectors.providers.archives.limits import Limits
from collectors.providers.archives.unpacking import Clock

_BLOCK = tarfile.BLOCKSIZE
_MOST_HEADER = 1_000_000  # bytes of a pax header or a long name; paths have 4,096 at most
_MOST_DIGITS = 20
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_WITHOUT_DATA = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_SPARSE = b"GNU.sparse."
_CONTINUES_IN_HEADER, _CONTINUES_IN_MAP = 482, 504  # where a sparse map says that it goes on


@dataclass(frozen=True)
class TarEntry:
    """Where a file's bytes lie in the tar."""

    name: str
    start: int
    size: int


@dataclass
class _ExtraHeader:
    """What the headers before a file's own say of it.

    Attributes:
        name: its whole path; empty: the header's own.
        size: in bytes; None: the header's own.
        is_sparse: whether its bytes lie in pieces, with holes between.
    """

    name: str = ""
    size: int | None = None
    is_sparse: bool = False


@dataclass
class _HeaderReader:
    file: IO[bytes]
    length: int
    offset: int = 0
    extra: _ExtraHeader = field(default_factory=_ExtraHeader)

    def block(self) -> bytes:
        """The next block; empty at the end."""
        data = self.read(_BLOCK)
        self.offset += len(data)
        if 0 < len(data) < _BLOCK:
            raise tarfile.ReadError("a header is cut off")
        return data

    def read(self, size: int) -> bytes:
        self.file.seek(self.offset)
        return self.file.read(size)

    def skip(self, size: int) -> None:
        """Go behind data, which must be there."""
        if self.offset + size > self.length:
            raise EOFError("unexpected end of data")
        self.offset += size + -size % _BLOCK


def list_tar_entries(
    file: IO[bytes], length: int, limits: Limits, clock: Clock
) -> Iterator[TarEntry]:
    """The regular files, in the tar's order; links, devices and sparse files are left out.

    Args:
        file: the tar, not compressed.
        length: its size in bytes.
        limits: told of every member.
        clock: the archive's time.

    Raises:
        ProviderError: they are too many or unpack to too much.
        tarfile.TarError, EOFError: the tar is broken or cut off.
    """
    reader = _HeaderReader(file, length)
    while (block := reader.block()) and block.strip(b"\0"):
        clock.check()
        entry = _read_entry(
            reader, tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape"), block
        )
        if entry:
            limits.count(entry.name, entry.size)
            if entry.start >= 0:
                yield entry
    if reader.offset < _BLOCK:
        raise tarfile.ReadError("empty file")


def _read_entry(reader: _HeaderReader, info: tarfile.TarInfo, block: bytes) -> TarEntry | None:
    """What a header tells of, with a start below 0 if it is no file; None for an extra header."""
    if info.type in (*_PAX, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        _read_extra_header(reader, info)
        return None
    extra, reader.extra = reader.extra, _ExtraHeader()
    if info.type == tarfile.GNUTYPE_SPARSE:
        _skip_map(reader, bool(block[_CONTINUES_IN_HEADER]))
    size = _check_size(info.size if extra.size is None else extra.size)
    start = reader.offset
    if info.type not in _WITHOUT_DATA:
        reader.skip(size)
    is_file = info.type in _FILES and not extra.is_sparse
    return TarEntry(extra.name or info.name, start if is_file else -1, size if is_file else 0)


def _read_extra_header(reader: _HeaderReader, info: tarfile.TarInfo) -> None:
    """Read a header that speaks of the next file."""
    size = _check_size(info.size)
    if size > _MOST_HEADER:
        raise tarfile.HeaderError(f"a header has {size:,} bytes; at most {_MOST_HEADER:,} are read")
    data = reader.read(size)
    reader.skip(size)
    if info.type == tarfile.GNUTYPE_LONGNAME:
        reader.extra.name = _decode_name(data.split(b"\0", 1)[0])
    elif info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
        for key, value in _parse_records(data):
            _apply_record(reader.extra, key, value)
    # what a global header or a long link's target say is of no use here


def _apply_record(extra: _ExtraHeader, key: bytes, value: bytes) -> None:
    if key == b"path":
        extra.name = _decode_name(value)
    elif key == b"size":
        if not (value.isdigit() and len(value) <= _MOST_DIGITS):
            raise tarfile.HeaderError(f"a size is {value[:_MOST_DIGITS]!r}")
        extra.size = int(value)
    elif key.startswith(_SPARSE):
        extra.is_sparse = True


def _parse_records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The records of a pax header: "LENGTH KEY=VALUE" and a line feed each, counted by LENGTH."""
    place = 0
    while place < len(data) and data[place]:
        space = data.find(b" ", place, place + _MOST_DIGITS)
        digits = data[place : max(space, place)]
        end = place + int(digits) if digits.isdigit() else 0
        if not place < space < end <= len(data):
            raise tarfile.HeaderError("a pax header has another shape")
        key, _, value = data[space + 1 : end - 1].partition(b"=")
        yield key, value
        place = end


def _skip_map(reader: _HeaderReader, continues: bool) -> None:
    while continues:
        block = reader.block()
        if not block:
            raise EOFError("unexpected end of data")
        continues = bool(block[_CONTINUES_IN_MAP])


def _check_size(size: int) -> int:
    if size < 0:
        raise tarfile.HeaderError(f"a member has {size:,} bytes")
    return size


def _decode_name(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
