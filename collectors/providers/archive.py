"""A zip or tar archive of image files, read in place; fetched first where it has a URL."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import cast

from collectors.candidate import Candidate
from collectors.fetched import FetchSettings
from collectors.providers.download import download
from collectors.providers.members import Member, members_of
from data_registry.errors import ProviderError
from data_registry.records import Source

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArchiveProvider:
    """Gives the files of an archive.

    A file's URL is ``archive:``, the archive's file name, and its path inside, so that the same
    archive gives the same sources on every machine.

    Attributes:
        path: a ``.zip``, ``.tar``, ``.tar.gz``, ``.tar.bz2`` or ``.tar.xz``; hidden files and links
            in it are left out.
        url: where it is fetched from if there is no file at `path`; it is kept there.
        md5: what the fetched file's MD5 must be; empty: anything.
        max_gigabytes: largest archive fetched.
        licence, licence_url, creator, page_url: what holds for all its files, for example what a
            Zenodo record says.
        fetch: the largest file read.
        name: what the sources call this provider.
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
        """Every file, by path.

        A file's query is the name of the innermost folder it lies in that is one of the queries;
        otherwise it is empty.

        Raises:
            ProviderError: the archive is missing, broken, a bomb, or has no file.
        """
        path = Path(self.path)
        if self.url:
            most_bytes = round(self.max_gigabytes * 1e9)
            download(self.url, path, self.fetch, most_bytes, check=self._members, md5=self.md5)
        members = self._members(path)
        kept = sorted((each for each in members if _is_plain(each.name)), key=lambda m: m.name)
        if len(kept) < len(members):
            _log.info("%s: %d hidden or misnamed files left out", path, len(members) - len(kept))
        if not kept:
            raise ProviderError(f"{path} gives no file; expected images in it")
        for member in kept:
            source = Source(
                provider=self.name,
                url=f"archive:{path.name}/{member.name}",
                query=_query(member.name, frozenset(queries)),
                page_url=self.page_url,
                licence=self.licence,
                licence_url=self.licence_url,
                creator=self.creator,
            )
            yield Candidate(source, _as_path(member))

    def _members(self, path: Path) -> list[Member]:
        # one byte more than is accepted, so that a larger file is known to be one
        return members_of(path, self.fetch.max_bytes + 1)


def _as_path(member: Member) -> Path:
    # who reads a candidate's file asks for `stat().st_size` and `open("rb")`, which a member has
    return cast(Path, member)


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    leaves = not parts or parts[0].startswith(("/", "\\")) or ".." in parts or ":" in parts[0]
    return not leaves and not any(part.startswith((".", "__MACOSX")) for part in parts)


def _query(name: str, queries: frozenset[str]) -> str:
    folders = PurePosixPath(name).parent.parts
    return next((folder for folder in reversed(folders) if folder in queries), "")
