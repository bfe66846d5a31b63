"""Read a folder to any depth, and list every entry below it that was not read.

Links are followed, since people and tools such as DVC and git-annex build sets of them. A link to
a folder above it is not followed, and one folder is read a limited number of times.
"""

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_registry.errors import InputError
from data_registry.storage.stored_names import ID_FILE, WORKSPACE_FOLDERS
from data_registry.text.file_names import escape_file_name, explain_omission

NOWHERE = "a link that leads nowhere"
LOOP = "a link back to a folder above it"
TOO_OFTEN = "a folder that other links have led to often enough"
TOO_DEEP = "deeper than folders are followed"
NO_FILE = "no file and no folder, but a device, pipe or socket"
EMPTY = "an empty folder"
WORKSPACE = "a folder of the workspace here"
CANNOT_OPEN = "cannot be opened"
# What may have held any number of images.
LOST = (NOWHERE, LOOP, TOO_OFTEN, TOO_DEEP, CANNOT_OPEN)

_MOST_VISITS = 64
_DEEPEST = 100
_NAMED = 3

_Key = tuple[int, int]


@dataclass(frozen=True)
class UnreadEntry:
    """An entry below the folder that was not read.

    Attributes:
        path: below the folder, with slashes, as text.
        reason: why, in words that several entries share.
        detail: what the system said, or empty.
    """

    path: str
    reason: str
    detail: str = ""

    @property
    def why(self) -> str:
        """The reason, with the message of the system."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason

    @property
    def parent(self) -> str:
        """The path of the folder it lies in; empty for the top."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class FoundFile:
    """A file below the folder.

    Attributes:
        file: where it lies.
        path: below the folder, with slashes, as text.
    """

    file: Path
    path: str


@dataclass(frozen=True)
class Folder:
    """A folder that was read.

    Attributes:
        name: as it is on disk.
        path: below the top folder, with slashes, as text; empty for the top.
        files, folders: what lies directly in it, sorted by name.
    """

    name: str
    path: str
    files: tuple[FoundFile, ...]
    folders: tuple["Folder", ...]

    def walk_files(self) -> Iterator[FoundFile]:
        """Walk its files and those of the folders below."""
        yield from self.files
        for folder in self.folders:
            yield from folder.walk_files()


@dataclass(frozen=True)
class Tree:
    """A folder with everything below it, and what was not read of it."""

    top: Folder
    not_read: tuple[UnreadEntry, ...]


def read_tree(folder: Path, refusal: type[InputError] = InputError) -> Tree:
    """Read a folder to any depth.

    Args:
        folder: the top.
        refusal: what is raised where the top itself cannot be opened.

    Raises:
        InputError: the top cannot be opened.
    """
    reader = _Reader()
    try:
        entries = _list_entries(folder)
    except OSError as error:
        raise refusal(
            f"{escape_file_name(str(folder))} cannot be opened: {error.strerror}. Give a "
            "folder that you may read"
        ) from error
    top = reader.read_folder(folder.name, "", entries, (_identify_folder(folder.stat()),))
    return Tree(top, tuple(sorted(reader.not_read, key=lambda each: each.path)))


def describe_unread_entries(not_read: Sequence[UnreadEntry]) -> list[str]:
    """Describe unread entries: one line per reason with the count and the first names."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for entry in not_read:
        by_reason[entry.why].append(entry.path)
    return [
        f"not read: {len(paths)} {'entry' if len(paths) == 1 else 'entries'}, {reason}: "
        f"{format_names(paths)}"
        for reason, paths in by_reason.items()
    ]


def format_names(names: Iterable[str], most: int = _NAMED) -> str:
    """Format the first names and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


class _Reader:
    """Reads folders and gathers what could not be read."""

    def __init__(self) -> None:
        self.not_read: list[UnreadEntry] = []
        self._visits: Counter[_Key] = Counter()

    def read_folder(
        self, name: str, path: str, entries: Sequence["os.DirEntry[str]"], above: tuple[_Key, ...]
    ) -> Folder:
        files: list[FoundFile] = []
        folders: list[Folder] = []
        own = WORKSPACE_FOLDERS if any(entry.name == ID_FILE for entry in entries) else ()
        for entry in entries:
            below = f"{path}/{escape_file_name(entry.name)}".lstrip("/")
            if reason := explain_omission(entry.name) or (WORKSPACE if entry.name in own else ""):
                self.leave_out(below, reason)
            elif (facts := self._read_status(entry, below)) is None:
                continue
            elif stat.S_ISREG(facts.st_mode):
                files.append(FoundFile(Path(entry.path), below))
            elif not stat.S_ISDIR(facts.st_mode):
                self.leave_out(below, NO_FILE)
            elif found := self._read_subfolder(entry, below, (*above, _identify_folder(facts))):
                folders.append(found)
        if path and not entries:
            self.leave_out(path, EMPTY)
        return Folder(name, path, tuple(files), tuple(folders))

    def leave_out(self, path: str, reason: str, detail: str = "") -> None:
        self.not_read.append(UnreadEntry(path, reason, detail))

    def _read_status(self, entry: "os.DirEntry[str]", path: str) -> os.stat_result | None:
        """Read the status of the entry, or of what the link leads to."""
        try:
            return entry.stat()
        except FileNotFoundError:
            self.leave_out(path, NOWHERE)
        except OSError as error:  # too many links in a row, no permission, a broken disk
            self.leave_out(path, CANNOT_OPEN, error.strerror or str(error))
        return None

    def _read_subfolder(
        self, entry: "os.DirEntry[str]", path: str, keys: tuple[_Key, ...]
    ) -> Folder | None:
        *above, own = keys
        self._visits[own] += 1
        if own in above:
            self.leave_out(path, LOOP)
        elif self._visits[own] > _MOST_VISITS:
            self.leave_out(path, TOO_OFTEN)
        elif len(keys) > _DEEPEST:
            self.leave_out(path, TOO_DEEP)
        else:
            try:
                return self.read_folder(entry.name, path, _list_entries(entry.path), keys)
            except OSError as error:
                self.leave_out(path, CANNOT_OPEN, error.strerror or str(error))
        return None


def _list_entries(folder: str | Path) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _identify_folder(facts: os.stat_result) -> _Key:
    return facts.st_dev, facts.st_ino
