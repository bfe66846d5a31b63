"""Read the files of a zip or tar archive one at a time, without unpacking them to a folder.

A member's name is only a name: nothing is written to the path it states, and links are left out.
No more of a member is decompressed than is read, and no archive takes more memory, disk space or
time than `limits` and `unpacking` allow.
"""

import errno
import io
import lzma
import os
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from collectors.providers.archives.limits import Limits, ListedFile
from collectors.providers.archives.tar_members import TarEntry, list_tar_entries
from collectors.providers.archives.unpacking import Clock, find_decoder, unpack_pieces
from collectors.providers.archives.zip_members import list_zip
from data_registry.errors import ProviderError

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second has no file in it
_LONGEST_MAGIC = 6
_LONGEST_NAME = 4096  # characters; no file system takes a longer path
_LONG = f"a name of more than {_LONGEST_NAME:,} characters"
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # an encrypted member
    NotImplementedError,  # a compression that is not known
    ValueError,
    OverflowError,
)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of an archive, with the methods of `Path` that reading needs.

    Attributes:
        name: its path inside the archive.
        size: bytes, as the archive states.
        most_bytes: maximum number of bytes read; a larger member is cut off.
        read: returns its first bytes.
        omission: why it is not read; empty if it is.
    """

    name: str
    size: int
    most_bytes: int
    read: Callable[[int], bytes] = field(repr=False, compare=False)
    omission: str = ""

    def stat(self) -> os.stat_result:
        """Return its size in the form of `Path.stat`."""
        return os.stat_result((0, 0, 0, 0, 0, 0, self.size, 0, 0, 0))

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Open its bytes.

        Raises:
            OSError: the member is broken or encrypted, or ``mode`` is not ``rb``.
        """
        if mode != "rb":
            raise OSError(errno.EROFS, "a member of an archive can only be read")
        try:
            return io.BytesIO(self.read(self.most_bytes))
        except _BROKEN as error:
            raise OSError(errno.EIO, f"the archive's member is broken: {error}") from error


def list_members(path: Path, most_bytes: int) -> list[Member]:
    """List the files of a zip, tar, tar.gz, tar.bz2 or tar.xz, in the archive's order.

    The archive stays open as long as its members are in use.

    Args:
        path: the archive.
        most_bytes: maximum number of bytes read of each member.

    Raises:
        ProviderError: it is missing, no archive of these kinds, broken, or a bomb.
    """
    clock = Clock()
    with _explain_errors(path), clock.measure_time():
        listed = _list_files(path, Limits(path), clock)
    lock = threading.Lock()  # the members share one position in one file
    return [
        Member(
            name=each.name[:_LONGEST_NAME],
            size=each.size,
            most_bytes=most_bytes,
            read=partial(_read, lock, clock, each.read),
            omission=each.omission or (_LONG if len(each.name) > _LONGEST_NAME else ""),
        )
        for each in listed
    ]


def require_archive(path: Path) -> None:
    """Refuse a file that cannot be an archive, by its first bytes.

    Raises:
        ProviderError: it is missing, a folder, or no archive of the kinds of `list_members`.
    """
    with _explain_errors(path), path.open("rb") as file:
        start = file.read(tarfile.BLOCKSIZE)
        if not (start.startswith(_ZIP) or find_decoder(start)):
            tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")  # raises for all but a tar


@contextmanager
def _explain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (*_BROKEN, TimeoutError) as error:
        raise _build_unreadable_error(path, error) from error
    except OSError as error:
        if not error.strerror:  # bz2 reports broken data this way
            raise _build_unreadable_error(path, error) from error
        raise ProviderError(
            f"{path} cannot be read: {error.strerror}; expected the path of an archive"
        ) from error


def _read(
    lock: threading.Lock, clock: Clock, read: Callable[[int], bytes], most_bytes: int
) -> bytes:
    with lock, clock.measure_time():
        clock.check()
        return read(most_bytes)


def _list_files(path: Path, limits: Limits, clock: Clock) -> list[ListedFile]:
    with path.open("rb") as file:
        start = file.read(_LONGEST_MAGIC)
    # not zipfile.is_zipfile: it takes a tar that ends with a zip for that zip
    if start.startswith(_ZIP):
        return list_zip(path, limits, clock)
    return _list_tar(
        _decompress_tar(path, limits, clock) if find_decoder(start) else path.open("rb"),
        limits,
        clock,
    )


def _list_tar(file: IO[bytes], limits: Limits, clock: Clock) -> list[ListedFile]:
    try:
        length = file.seek(0, os.SEEK_END)
        entries = list(list_tar_entries(file, length, limits, clock))
    except BaseException:
        file.close()
        raise
    tar = _Tar(file)
    return [
        ListedFile(entry.name, entry.size, partial(tar.read, entry), entry.omission)
        for entry in entries
    ]


class _Tar:
    """A tar that is closed with its last member in use."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        weakref.finalize(self, file.close)

    def read(self, entry: TarEntry, most_bytes: int) -> bytes:
        self._file.seek(entry.start)
        return self._file.read(min(most_bytes, entry.size))


def _decompress_tar(path: Path, limits: Limits, clock: Clock) -> IO[bytes]:
    """Decompress a tar into an unnamed file, since it is read at random positions."""
    with ExitStack() as stack:
        plain, folder = _create_temporary_file(path.absolute().parent)
        stack.enter_context(plain)
        with path.open("rb") as packed:
            for piece in unpack_pieces(packed, clock):
                limits.check_space(folder, plain.tell())
                plain.write(piece)
                limits.check(plain.tell())
        plain.seek(0)
        stack.pop_all()
    return plain


def _create_temporary_file(beside: Path) -> tuple[IO[bytes], Path]:
    """Create a temporary file beside the archive, since ``/tmp`` may be memory; with its folder."""
    try:
        return tempfile.TemporaryFile(dir=beside), beside
    except OSError:  # a read-only medium
        return tempfile.TemporaryFile(), Path(tempfile.gettempdir())


def _build_unreadable_error(path: Path, error: Exception) -> ProviderError:
    return ProviderError(
        f"{path} cannot be read as an archive: {error}; expected a zip, tar, tar.gz, tar.bz2 or "
        "tar.xz. Fetch or pack it again, or unpack it and use the provider `folder`"
    )
