"""Limit the members, names and unpacked size of an archive."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_registry.errors import ProviderError

# Photographs hardly compress, drawings by a factor of up to about fifty: more is a bomb.
MOST_UNPACKED = 200
MOST_MEMBERS = 250_000  # files, folders and links: each takes about a kilobyte of memory
MOST_DIRECTORY = 64_000_000  # bytes of a zip's directory, and of all names of a tar
_LEAST_LIMIT = 10_000_000  # bytes that any archive may unpack to
_ABSOLUTE_LIMIT = 1_000_000_000_000

LINK, DEVICE, NO_FILE = "a link", "a device", "no regular file"


def _read_nothing(_: int) -> bytes:
    return b""


@dataclass(frozen=True)
class ListedFile:
    """An entry of an archive that is no folder.

    Attributes:
        name: its path in the archive.
        size: bytes, as the archive states.
        read: returns its first bytes.
        omission: why it is not read; empty if it is.
    """

    name: str
    size: int = 0
    read: Callable[[int], bytes] = _read_nothing
    omission: str = ""


class Limits:
    """Counts an archive's members and bytes, and refuses one that exceeds a limit.

    Args:
        path: the archive.

    Attributes:
        packed: its size in bytes.
    """

    def __init__(self, path: Path) -> None:
        self.packed = path.stat().st_size
        self._path = path
        self._members = 0
        self._names = 0
        self._unpacked = 0

    def count(self, name: str, size: int) -> None:
        """Count a member.

        Raises:
            ProviderError: there are too many members, too long names, or too many unpacked bytes.
        """
        self._members += 1
        self._names += len(name)
        self._unpacked += size
        if size < 0:
            raise self._build_refusal(f"has a member of {size:,} bytes", "sizes of at least 0")
        if self._members > MOST_MEMBERS:
            raise self._build_refusal(f"has more than {MOST_MEMBERS:,} members", "at most as many")
        if self._names > MOST_DIRECTORY:
            raise self._build_refusal(
                f"names its members in more than {MOST_DIRECTORY:,} characters", "shorter names"
            )
        self.check(self._unpacked)

    def check(self, unpacked: int) -> None:
        """Raise ProviderError if the archive unpacks to more bytes than its size allows."""
        if unpacked > min(max(_LEAST_LIMIT, MOST_UNPACKED * self.packed), _ABSOLUTE_LIMIT):
            raise self._build_refusal(
                f"has {self.packed:,} bytes and unpacks to {unpacked:,} or more",
                f"at most {MOST_UNPACKED} times its size",
            )

    def check_space(self, folder: Path, unpacked: int) -> None:
        """Raise ProviderError if unpacking it further would fill the disk."""
        if shutil.disk_usage(folder).free < _LEAST_LIMIT:
            raise self._build_refusal(
                f"unpacks to {unpacked:,} bytes or more, and {folder} has no space left",
                "a disk with more space",
            )

    def _build_refusal(self, found: str, expected: str) -> ProviderError:
        return ProviderError(
            f"{self._path} {found}; expected {expected}. Unpack it yourself if you trust it, and "
            "use the provider `folder`"
        )
