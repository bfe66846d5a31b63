"""The files inside a zip or tar archive, read one at a time and never unpacked to a folder.

A member's name is only ever a name: nothing is written to where it points, and links are left out.
No more of a member is decompressed than is read.
"""

import bz2
import errno
import gzip
import io
import os
import stat
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from data_registry.errors import ProviderError, reason_of

# Photographs hardly get smaller, drawings up to some fifty times: more is a bomb.
MOST_UNPACKED = 200
_LEAST_LIMIT = 10_000_000  # bytes that any archive may unpack to
_PIECE = 1 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second has no file in it
_COMPRESSED: Mapping[bytes, Callable[[Path], io.BufferedIOBase]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
}
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    RuntimeError,  # an encrypted member
    NotImplementedError,  # a compression that zipfile does not know
    ValueError,
    OverflowError,
)


@dataclass(frozen=True)
class Member:
    """One file of an archive; it is asked as a `Path` is.

    Attributes:
        name: its path inside the archive.
        size: bytes, as the archive states.
        most_bytes: read at most; a larger member looks cut off.
        read: gives its first bytes.
    """

    name: str
    size: int
    most_bytes: int
    read: Callable[[int], bytes] = field(repr=False, compare=False)

    def stat(self) -> os.stat_result:
        """Its size, where a file on disk has it."""
        return os.stat_result((0, 0, 0, 0, 0, 0, self.size, 0, 0, 0))

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Its bytes.

        Raises:
            OSError: the member is broken or encrypted, or ``mode`` is not ``rb``.
        """
        if mode != "rb":
            raise OSError(errno.EROFS, "a member of an archive can only be read")
        try:
            return io.BytesIO(self.read(self.most_bytes))
        except _BROKEN as error:
            raise OSError(errno.EIO, f"the archive's member is broken: {error}") from error


_Listed = tuple[str, int, Callable[[], IO[bytes] | None]]


def members_of(path: Path, most_bytes: int) -> list[Member]:
    """The regular files of a zip, tar, tar.gz or tar.bz2, in the archive's order.

    The archive stays open as long as its members are in use.

    Args:
        path: the archive.
        most_bytes: read at most of each member.

    Raises:
        ProviderError: it is missing, no archive of these kinds, broken, or a bomb.
    """
    try:
        listed = _listed(path)
    except _BROKEN as error:
        raise _no_archive(path, error) from error
    except OSError as error:
        if not error.strerror:  # gzip's and bz2's way to say that the data are broken
            raise _no_archive(path, error) from error
        raise ProviderError(
            f"{path} cannot be read: {error.strerror}; give the path of an archive"
        ) from error
    _check_size(path, sum(size for _, size, _ in listed))
    lock = threading.Lock()  # the members share one place in one file
    return [
        Member(name, size, most_bytes, partial(_read, lock, opens)) for name, size, opens in listed
    ]


def _read(lock: threading.Lock, opens: Callable[[], IO[bytes] | None], most_bytes: int) -> bytes:
    with lock, ExitStack() as stack:
        file = opens()
        return stack.enter_context(file).read(most_bytes) if file else b""


def _listed(path: Path) -> list[_Listed]:
    with path.open("rb") as file:
        start = file.read(4)
    # not zipfile.is_zipfile: it takes a tar that ends with a zip for that zip
    if start in _ZIP:
        return _of_zip(path)
    opens = next((opens for magic, opens in _COMPRESSED.items() if start.startswith(magic)), None)
    return _of_tar(_decompressed(path, opens) if opens else path.open("rb"))


def _of_zip(path: Path) -> list[_Listed]:
    archive = zipfile.ZipFile(path)
    return [
        (info.filename, info.file_size, partial(archive.open, info))
        for info in archive.infolist()
        if not info.is_dir() and _is_file(info.external_attr >> 16)
    ]


def _of_tar(file: IO[bytes]) -> list[_Listed]:
    try:
        archive = tarfile.TarFile(fileobj=file)
        listed: list[_Listed] = [
            (info.name, info.size, partial(archive.extractfile, info))
            for info in archive
            if info.isreg()
        ]
    except BaseException:
        file.close()
        raise
    weakref.finalize(archive, file.close)  # the last member that goes takes both along
    return listed


def _decompressed(path: Path, opens: Callable[[Path], io.BufferedIOBase]) -> IO[bytes]:
    """The tar in a compressed one, in a file without a name: it has to be read here and there."""
    with ExitStack() as stack:
        plain = stack.enter_context(tempfile.TemporaryFile())
        with opens(path) as packed:
            while piece := packed.read(_PIECE):
                plain.write(piece)
                _check_size(path, plain.tell())
        plain.seek(0)
        stack.pop_all()
    return plain


def _is_file(mode: int) -> bool:
    """Archives made on Windows state no mode at all."""
    return stat.S_IFMT(mode) in (0, stat.S_IFREG)


def _check_size(path: Path, unpacked: int) -> None:
    packed = path.stat().st_size
    if unpacked > max(_LEAST_LIMIT, MOST_UNPACKED * packed):
        raise ProviderError(
            f"{path} has {packed:,} bytes and unpacks to {unpacked:,} or more; expected at most "
            f"{MOST_UNPACKED} times its size. Unpack it yourself if you trust it, and give the "
            "folder"
        )


def _no_archive(path: Path, error: Exception) -> ProviderError:
    return ProviderError(
        f"{path} cannot be read as an archive: {reason_of(error)}; expected a zip, tar, tar.gz or "
        "tar.bz2"
    )
