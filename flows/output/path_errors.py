"""Explain the system's errors about a path that the user chose.

Names that are too long, folders that may not be entered and full disks are met wherever a path is
used, so they are explained once, where every command ends. Other errors of the system stay what
they are: they are mistakes of the program.
"""

import errno
import os
import sys
from pathlib import Path

from data_registry.errors import EphyraError, InputError, StorageError
from data_registry.text.file_names import escape_file_name

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_ADVICE = {
    errno.ENAMETOOLONG: "File systems take names of at most 255 bytes: choose a shorter one",
    errno.EACCES: "Give a path that you may use, or ask for access",
    errno.EPERM: "Give a path that you may use, or ask for access",
    errno.ENOENT: "Give a path that exists",
    errno.ENOTDIR: "A part of the path is a file: name a path below folders",
    errno.EISDIR: "Give the path of a file",
    errno.ELOOP: "Its links lead back to themselves: repair them, or name another path",
}
_OTHERWISE = "Give another path"
_LONGEST_SHOWN = 120  # characters


def explain_path_error(error: OSError) -> EphyraError | None:
    """Build the error to show for an error of the system; None where the program is at fault.

    Args:
        error: what the system said. It counts if it names a path outside of this installation, or
            if the disk takes no more.
    """
    if error.errno in _NO_ROOM:
        return StorageError(
            f"{_format_place(error)}{error.strerror}. What was finished is kept: make room or name "
            "another place, then run the same command again"
        )
    path = _read_path(error)
    if not path or _is_installed(path):
        return None
    advice = _ADVICE.get(error.errno or 0, _OTHERWISE)
    return InputError(f"{_format_place(error)}{error.strerror or error}. {advice}")


def _format_place(error: OSError) -> str:
    path = escape_file_name(_read_path(error))
    shown = f"{path[:_LONGEST_SHOWN]}…" if len(path) > _LONGEST_SHOWN else path
    return f"{shown}: " if shown else ""


def _read_path(error: OSError) -> str:
    named = error.filename
    return os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else ""


def _is_installed(path: str) -> bool:
    """Whether the path belongs to Python, a library or Ephyra itself."""
    roots = (sys.prefix, sys.base_prefix, *map(str, Path(__file__).parents[1:2]))
    return any(path.startswith(f"{root}{os.sep}") for root in roots)
