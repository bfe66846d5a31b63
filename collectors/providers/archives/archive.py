"""Read image files from a zip or tar archive in place; fetch it first if it has a URL."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import cast

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.providers.archives.download import download
from collectors.providers.archives.members import Member, list_members, require_archive
from collectors.providers.query_folders import find_query
from data_registry.errors import ProviderError
from data_registry.images.records import Source
from data_registry.ingest.folder_walk import UnreadEntry, describe_unread_entries
from data_registry.text.file_names import escape_file_name, explain_omission

_log = logging.getLogger(__name__)

LEADS_OUT = "a name that leads out of the archive"
TWICE = "a name that another entry has"


@dataclass(frozen=True)
class ArchiveProvider:
    """Yields the files of an archive.

    A file's URL is ``archive:``, the archive's file name, and its path inside, so that the same
    archive gives the same sources on every machine.

    Attributes:
        path: a ``.zip``, ``.tar``, ``.tar.gz``, ``.tar.bz2`` or ``.tar.xz``; hidden files and links
            in it are left out.
        url: fetched if there is no file at `path`, and stored there.
        md5: the required MD5 of the fetched file; empty: any.
        max_gigabytes: largest archive fetched.
        licence, licence_url, creator, page_url: facts of all its files, for example those of a
            Zenodo record.
        fetch: limits and contact; `max_bytes` is the largest file read.
        name: the provider's name in the sources.
    """

    path: str | Path
    url: str = ""
    md5: str = ""
    max_gigabytes: float = 10
    licence: str = ""
    licence_url: str = ""
    creator: str = ""
    page_url: str = ""
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "archive"

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Yield every file, by path.

        A file's query is the name of the innermost of its folders that is one of the queries;
        otherwise it is empty.

        Raises:
            ProviderError: the archive is missing, broken, a bomb, or empty.
        """
        path = Path(self.path)
        if self.url:
            most_bytes = round(self.max_gigabytes * 1e9)
            download(self.url, path, self.fetch, most_bytes, check=self._list_members, md5=self.md5)
        members, left_out = _split_members(self._list_members(path))
        for line in describe_unread_entries(left_out):
            _log.warning("%s: %s", path, line)
        if not members:
            raise ProviderError(f"{path} has no file to collect; expected images in it")
        for member in members:
            source = Source(
                provider=self.name,
                url=f"archive:{escape_file_name(path.name)}/{escape_file_name(member.name)}",
                query=_find_query(member.name, queries),
                page_url=self.page_url,
                licence=self.licence,
                licence_url=self.licence_url,
                creator=self.creator,
            )
            yield Candidate(source, _cast_to_path(member))

    def require_source(self) -> None:
        """Refuse what is no archive, before anything is fetched; see `LocalSource`."""
        if not self.url or Path(self.path).exists():
            require_archive(Path(self.path))

    def _list_members(self, path: Path) -> list[Member]:
        # one byte more than is accepted, so that a larger file is known to be one
        return list_members(path, self.fetch.max_bytes + 1)


def _split_members(members: Sequence[Member]) -> tuple[list[Member], list[UnreadEntry]]:
    """Sort members by name; return those that are read, and the others with the reason."""
    kept: list[Member] = []
    left_out = []
    for member in sorted(members, key=lambda each: each.name):
        reason = member.omission or _explain_omission(member.name)
        if not reason and kept and kept[-1].name == member.name:
            reason = TWICE
        if reason:
            left_out.append(UnreadEntry(escape_file_name(member.name), reason))
        else:
            kept.append(member)
    return kept, left_out


def _cast_to_path(member: Member) -> Path:
    # a candidate's file is read by `stat().st_size` and `open("rb")`, which a member has
    return cast(Path, member)


def _explain_omission(name: str) -> str:
    parts = _split_name(name)
    if not parts or parts[0].startswith("/") or ".." in parts or ":" in parts[0]:
        return LEADS_OUT
    return next(filter(None, map(explain_omission, parts)), "")


def _find_query(name: str, queries: Sequence[str]) -> str:
    return find_query(reversed(_split_name(name)[:-1]), queries)


def _split_name(name: str) -> tuple[str, ...]:
    """Split a name into folders and file; some Windows tools separate them by backslashes."""
    return PurePosixPath(_repair_encoding(name).replace("\\", "/")).parts


def _repair_encoding(name: str) -> str:
    """Decode a UTF-8 name that macOS wrote without its flag, and that was read as cp437."""
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name
