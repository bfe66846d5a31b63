"""Read the files of a zip without trusting its stated number, positions and sizes."""

import bz2
import copy
import io
import stat
import weakref
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO

from collectors.providers.archives.limits import (
    DEVICE,
    LINK,
    MOST_DIRECTORY,
    MOST_MEMBERS,
    Limits,
    ListedFile,
)
from collectors.providers.archives.unpacking import (
    Clock,
    Decoder,
    Inflate,
    build_lzma_decoder,
    unpack,
)

_ENTRY = b"PK\x01\x02"  # the first bytes of each directory entry
_DECODERS: Mapping[int, Callable[[IO[bytes], int], Decoder]] = {
    zipfile.ZIP_DEFLATED: lambda _packed, _most: Inflate(-zlib.MAX_WBITS),
    zipfile.ZIP_BZIP2: lambda _packed, _most: bz2.BZ2Decompressor(),
    zipfile.ZIP_LZMA: build_lzma_decoder,
}
_NAMES = {9: "deflate64", 93: "Zstandard", 95: "xz", 98: "PPMd"}


class _Archive(io.FileIO):
    """The file as `zipfile` reads it: the directory in one piece, of the stated size.

    Attributes:
        opens: whether the directory is still unread.
    """

    opens = True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most this many bytes; refuse a directory with too many entries."""
        if self.opens and size is not None and size > MOST_DIRECTORY:
            raise zipfile.BadZipFile(f"its directory has {size:,} bytes")
        data = super().read(size) or b""
        if self.opens and data.count(_ENTRY) > MOST_MEMBERS:
            raise zipfile.BadZipFile(f"it has more than {MOST_MEMBERS:,} members")
        return data


def list_zip(path: Path, limits: Limits, clock: Clock) -> list[ListedFile]:
    """List the files, in the directory's order; links and devices say why they are not read.

    Raises:
        ProviderError: there are too many members or bytes.
        Exception: what `zipfile` raises for a broken archive.
    """
    archive = _open_archive(path)
    packed = 0
    listed: list[ListedFile] = []
    for info in archive.infolist():
        clock.check()
        packed += info.compress_size
        limits.count(info.filename, info.file_size)
        if _is_folder(info):
            continue
        if omission := _explain_omission(info.external_attr >> 16):
            listed.append(ListedFile(info.filename, omission=omission))
        else:
            opens = partial(_read, archive, info, clock)
            listed.append(ListedFile(info.filename, info.file_size, opens))
    if packed > limits.packed:
        raise zipfile.BadZipFile("its members overlap")
    return listed


def _open_archive(path: Path) -> zipfile.ZipFile:
    """Open the archive; its file is closed with it."""
    file = _Archive(path)
    try:
        archive = zipfile.ZipFile(file)
    except BaseException:
        file.close()
        raise
    file.opens = False
    weakref.finalize(archive, file.close)
    return archive


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, clock: Clock, most_bytes: int) -> bytes:
    """Read the first bytes of a member; check the checksum if they are all of it."""
    most_bytes = min(most_bytes, info.file_size)
    with archive.open(_copy_as_stored(info)) as packed:
        if info.compress_type == zipfile.ZIP_STORED:
            data = packed.read(most_bytes)
        else:
            data = unpack(packed, _build_decoder(info, packed, most_bytes), most_bytes, clock)
    if len(data) == info.file_size and zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile("its checksum does not match")
    return data


def _copy_as_stored(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Copy a member as if it were not compressed: `zipfile` then returns its packed bytes."""
    raw = copy.copy(info)
    raw.compress_type, raw.file_size = zipfile.ZIP_STORED, info.compress_size
    raw.CRC = None  # type: ignore[assignment]  # not checked: it is that of the unpacked bytes
    return raw


def _build_decoder(info: zipfile.ZipInfo, packed: IO[bytes], most_bytes: int) -> Decoder:
    make = _DECODERS.get(info.compress_type)
    if make is None:
        name = _NAMES.get(info.compress_type, f"method {info.compress_type}")
        raise NotImplementedError(f"it is compressed by {name}; expected deflate, bzip2 or LZMA")
    return make(packed, most_bytes)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """Whether an entry is a folder; some Windows tools end its name with a backslash."""
    return info.is_dir() or (info.filename.endswith("\\") and not info.file_size)


def _explain_omission(mode: int) -> str:
    """Explain why an entry is not read, by its mode; archives from Windows state none."""
    kind = stat.S_IFMT(mode)
    if kind in (0, stat.S_IFREG):
        return ""
    return LINK if kind == stat.S_IFLNK else DEVICE
