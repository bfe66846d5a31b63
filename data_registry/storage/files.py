"""The workspace's files: a folder, or any fsspec URL such as ``s3://bucket/path``."""

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from data_registry.errors import StorageError
from data_registry.text.secrets import hide_secrets, select_safe_cause

PARTIAL = ".partial"  # ends the names of files that are being written
# Where fsspec's file systems say when a file was last written: local, S3, in memory.
_TIMES = ("mtime", "LastModified", "created")


@dataclass(frozen=True)
class StoredFile:
    """A file of the workspace.

    Attributes:
        path: below the root.
        byte_count: its size.
        written: when it was last written, in seconds since 1970.
    """

    path: str
    byte_count: int
    written: float


class FileStore:
    """Reads and writes whole files below one root.

    A file is either there completely or not at all: a local write goes to a temporary name and
    is then renamed, and object stores show an object only when its upload has ended.

    Args:
        root: a folder, or an fsspec URL.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        if isinstance(root, Path) or "://" not in root:
            # A path is no URL: fsspec would read two colons in a folder's name as a chain of them.
            self._fs, self._base = LocalFileSystem(), str(Path(root).expanduser().absolute())
            self._is_local = True
            return
        try:
            self._fs, self._base = fsspec.core.url_to_fs(self.root)
        except (ImportError, ValueError, OSError) as error:
            raise StorageError(
                f"no file system can be opened for {self.shown_root!r}: "
                f"{hide_secrets(str(error))}. Expected a folder or an "
                "fsspec URL; install its extra, for example: pip install 'ephyra[s3]'"
            ) from select_safe_cause(error)
        self._is_local = isinstance(self._fs, LocalFileSystem)

    @property
    def shown_root(self) -> str:
        """The root without a password."""
        return hide_secrets(self.root)

    def read(self, path: str) -> bytes:
        """Read the bytes of a file.

        Raises:
            StorageError: the file is missing or cannot be read.
        """
        with self._explain_errors("read", path):
            data: bytes = self._fs.cat_file(self._build_full_path(path))
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write a file, replacing an older one in a single step.

        Raises:
            StorageError: the disk is full, or the place cannot be written.
        """
        with self._explain_errors("write", path):
            if self._is_local:
                self._write_and_rename(Path(self._build_full_path(path)), data)
            else:
                self._fs.pipe_file(self._build_full_path(path), data)

    def exists(self, path: str) -> bool:
        """Whether the file exists."""
        with self._explain_errors("look for", path):
            local = self.build_local_path(path)
            return (
                bool(self._fs.exists(self._build_full_path(path)))
                if local is None
                else local.exists()
            )

    def delete(self, path: str) -> None:
        """Delete the file if it exists."""
        with self._explain_errors("delete", path), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._build_full_path(path))

    def list(self, folder: str) -> list[str]:
        """List every file below a folder: paths relative to the root, sorted."""
        with self._explain_errors("list", folder):
            found = self._fs.find(self._build_full_path(folder))
        start = len(self._base.rstrip("/")) + 1
        return sorted(name[start:] for name in found if not name.endswith(PARTIAL))

    def walk(self, folder: str) -> Iterator[str]:
        """Walk every file below a folder, partial ones too: paths below the root, unordered.

        Of a million files it takes a second, where `list` and `list_stored_files` take a minute.
        """
        if not self._is_local:
            yield from (file.path for file in self.list_stored_files(folder))
            return
        start = len(self._build_full_path(""))
        with self._explain_errors("list", folder):
            waiting = [self._build_full_path(folder)] if self.exists(folder) else []
            while waiting:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            yield entry.path[start:]

    def list_stored_files(self, folder: str) -> tuple[StoredFile, ...]:
        """List every file below a folder with size and time, partial ones too, sorted by path."""
        with self._explain_errors("list", folder):
            found = self._fs.find(self._build_full_path(folder), detail=True)
        start = len(self._base.rstrip("/")) + 1
        return tuple(
            StoredFile(name[start:], int(facts["size"]), _read_modification_time(facts))
            for name, facts in sorted(found.items())
        )

    def stat(self, path: str) -> StoredFile | None:
        """Read a file's current size and time; None where it does not exist."""
        self._fs.invalidate_cache()
        try:
            facts = self._fs.info(self._build_full_path(path))
        except FileNotFoundError:
            return None
        return StoredFile(path, int(facts["size"]), _read_modification_time(facts))

    def build_local_path(self, path: str) -> Path | None:
        """Build the file's path on this machine; None on a remote store."""
        return Path(self._build_full_path(path)) if self._is_local else None

    def _build_full_path(self, path: str) -> str:
        if "\0" in path:
            raise StorageError("a path with a NUL character names no file; expected one without")
        return f"{self._base.rstrip('/')}/{path}"

    def _choose_safe_cause(self, error: BaseException) -> BaseException | None:
        """Return the cause, or None where its traceback would show the root's password."""
        return error if self.root == self.shown_root else None

    @staticmethod
    def _write_and_rename(target: Path, data: bytes) -> None:
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}{PARTIAL}")
        try:
            try:
                partial.write_bytes(data)
            except FileNotFoundError:  # the folder is made when it is missing, not asked for before
                target.parent.mkdir(parents=True, exist_ok=True)
                partial.write_bytes(data)
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _explain_errors(self, verb: str, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            message = f"{path} is not in the workspace {self.shown_root}"
            raise StorageError(message) from self._choose_safe_cause(error)
        except PermissionError as error:
            raise StorageError(
                f"you may not {verb} {path} in {self.shown_root}: ask its owner, or work on a copy "
                "of the project. What was finished is kept"
            ) from self._choose_safe_cause(error)
        except OSError as error:
            reason = hide_secrets(error.strerror or str(error))
            raise StorageError(
                f"cannot {verb} {path} in {self.shown_root}: {reason}. What was finished is "
                "kept: make room or restore access, then run the same command again"
            ) from self._choose_safe_cause(error)


def _read_modification_time(facts: Mapping[str, Any]) -> float:
    time = next(facts[name] for name in _TIMES if name in facts)
    return time.timestamp() if isinstance(time, datetime) else float(time)
