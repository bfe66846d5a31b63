"""Read the headers of a tar one by one.

`tarfile` reads a pax header or a long name whole, whatever its stated size; it follows negative
sizes backwards without end; and parsing 64 KB of pax records takes it a gigabyte. So it is only
used here to parse single headers (`tarfile.TarInfo.frombuf`).
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from collectors.providers.archives.limits import DEVICE, LINK, NO_FILE, Limits
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
_FOLDER = "a folder"
_SPARSE_FILE = "a sparse file"
_OMISSIONS = {
    tarfile.DIRTYPE: _FOLDER,
    tarfile.LNKTYPE: LINK,
    tarfile.SYMTYPE: LINK,
    tarfile.CHRTYPE: DEVICE,
    tarfile.BLKTYPE: DEVICE,
    tarfile.FIFOTYPE: DEVICE,
    tarfile.GNUTYPE_SPARSE: _SPARSE_FILE,
}
_SPARSE = b"GNU.sparse."
_CONTINUES_IN_HEADER, _CONTINUES_IN_MAP = (
    482,
    504,
)  # offsets of the flag that a sparse map continues


@dataclass(frozen=True)
class TarEntry:
    """Where a file's bytes lie in the tar, or why they are not read."""

    name: str
    start: int = 0
    size: int = 0
    omission: str = ""


@dataclass
class _ExtraHeader:
    """Facts of a file from the headers before its own.

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
        """Read the next block; empty at the end."""
        data = self.read(_BLOCK)
        self.offset += len(data)
        if 0 < len(data) < _BLOCK:
            raise tarfile.ReadError("a header is cut off")
        return data

    def read(self, size: int) -> bytes:
        self.file.seek(self.offset)
        return self.file.read(size)

    def skip(self, size: int) -> None:
        """Skip data, which must exist."""
        if self.offset + size > self.length:
            raise EOFError("unexpected end of data")
        self.offset += size + -size % _BLOCK


def list_tar_entries(
    file: IO[bytes], length: int, limits: Limits, clock: Clock
) -> Iterator[TarEntry]:
    """List the files, in the tar's order, and why links, devices and sparse files are not read.

    Args:
        file: the tar, not compressed.
        length: its size in bytes.
        limits: counts every member.
        clock: limits the time.

    Raises:
        ProviderError: there are too many members or bytes.
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
            if entry.omission != _FOLDER:
                yield entry
    if reader.offset < _BLOCK:
        raise tarfile.ReadError("empty file")


def _read_entry(reader: _HeaderReader, info: tarfile.TarInfo, block: bytes) -> TarEntry | None:
    """Read the entry of a header; None for a header with facts of the next one."""
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
    name = extra.name or info.name
    if extra.is_sparse:
        return TarEntry(name, omission=_SPARSE_FILE)
    if info.type not in _FILES:
        return TarEntry(name, omission=_OMISSIONS.get(info.type, NO_FILE))
    return TarEntry(name, start, size)


def _read_extra_header(reader: _HeaderReader, info: tarfile.TarInfo) -> None:
    """Read a header with facts of the next file."""
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
    # global headers and the targets of long links are not needed


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
    """Parse the records of a pax header: "LENGTH KEY=VALUE" and a line feed, LENGTH bytes each."""
    start = 0
    while start < len(data) and data[start]:
        space = data.find(b" ", start, start + _MOST_DIGITS)
        digits = data[start : max(space, start)]
        end = start + int(digits) if digits.isdigit() else 0
        if not start < space < end <= len(data):
            raise tarfile.HeaderError("a pax header is malformed")
        key, _, value = data[space + 1 : end - 1].partition(b"=")
        yield key, value
        start = end


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
