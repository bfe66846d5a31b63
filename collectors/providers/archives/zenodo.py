"""Zenodo: a record's images, as single files or in its archives.

    GET {base}/records/ID
    {"id": 1234567, "links": {"self_html": "https://zenodo.org/records/1234567"},
     "metadata": {"title": "…", "creators": [{"name": "Diver, Ann"}],
                  "license": {"id": "cc-by-4.0"}},
     "files": [{"key": "photos.zip", "size": 1048576, "checksum": "md5:…",
                "links": {"self": "https://zenodo.org/api/records/1234567/files/photos.zip/content"}}]}

A record whose files are restricted, under embargo or closed has no `files`; `metadata.access_right`
says which. The number of a record in all its versions leads to the latest one.

Documentation: https://developers.zenodo.org/#records.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from collectors.candidate import Candidate
from collectors.fetch.fetched import FetchSettings
from collectors.provider_problems import search_each
from collectors.providers.archives.archive import ArchiveProvider
from collectors.providers.json_api import Fields, JsonApi
from data_registry.errors import ProviderError
from data_registry.images.records import Source
from data_registry.text.wording import count_noun

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
_RECORD = re.compile(r"(?:.*zenodo\.|.*/records?/)?(\d+)/?", re.IGNORECASE)


@dataclass(frozen=True)
class ZenodoProvider:
    """Yields every image of a record, by file name.

    Attributes:
        record: its number, DOI (``10.5281/zenodo.1234567``) or address.
        path: folder for its archives; an archive that is there is not fetched again.
        max_gigabytes: largest archive fetched.
        base: address of the API.
        fetch: limits and contact.
        name: the provider's name in the sources.
    """

    record: str | int
    path: str | Path
    max_gigabytes: float = 10
    base: str = "https://zenodo.org/api"
    fetch: FetchSettings = field(default_factory=FetchSettings)
    name: str = "zenodo"

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Yield every image; a record cannot be searched, so queries only name folders in archives.

        Raises:
            ProviderError: there is no such record, or it has neither public images nor public
                archives.
        """
        with JsonApi("Zenodo", self.fetch) as api:
            record = api.ask(f"{self.base.rstrip('/')}/records/{self._parse_record_number()}")
        files = sorted(_list_named_files(record), key=lambda file: file.text("key"))
        usable = [file for file in files if file.text("key").lower().endswith(_ARCHIVES + _IMAGES)]
        if not usable:
            raise ProviderError(
                f"{record.url} has no image and no archive among its "
                f"{count_noun(len(files), 'file')} (access: "
                f"{record.part('metadata').text('access_right') or 'not stated'}); expected a file "
                f"that anybody may fetch and that ends in one of {', '.join(_ARCHIVES + _IMAGES)}"
            )
        by_name = {file.text("key"): file for file in usable}
        # one broken archive does not end the others
        yield from search_each(
            by_name, lambda name: self._read_file(record, by_name[name], queries)
        )

    def _read_file(
        self, record: Fields, file: Fields, queries: Sequence[str]
    ) -> Iterator[Candidate]:
        if file.text("key").lower().endswith(_ARCHIVES):
            yield from self._build_archive_provider(record, file).candidates(queries)
        else:
            yield Candidate(self._build_source(record, _build_page_url(record, file)))

    def require_source(self) -> None:
        """Refuse what names no record; see `LocalSource`."""
        self._parse_record_number()

    def _parse_record_number(self) -> str:
        match = _RECORD.fullmatch(str(self.record).strip())
        if not match:
            raise ProviderError(
                f"zenodo: record = {self.record!r}; expected a number such as 1234567, or a DOI"
            )
        return match[1]

    def _build_source(self, record: Fields, url: str) -> Source:
        metadata = record.part("metadata")
        creators = list(
            metadata.each("creators", lambda each: [each.text("name")], required="name")
        )
        return Source(
            provider=self.name,
            url=url,
            page_url=record.part("links").text("self_html"),
            licence=metadata.part("license").text("id"),
            creator="; ".join(creators),
        )

    def _build_archive_provider(self, record: Fields, file: Fields) -> ArchiveProvider:
        source = self._build_source(record, file.part("links").text("self"))
        kind, _, digest = file.text("checksum").partition(":")
        # a name only: a record's file may be called ../../x.zip; with that version's number, so
        # that a later version's archive is not taken for the stored one
        number = record.number("id") or self._parse_record_number()
        kept = f"{number}-{PurePosixPath(file.text('key')).name}"
        return ArchiveProvider(
            path=Path(self.path) / kept,
            url=source.url,
            md5=digest if kind == "md5" else "",
            max_gigabytes=self.max_gigabytes,
            licence=source.licence,
            creator=source.creator,
            page_url=source.page_url,
            fetch=self.fetch.by_own_terms(),  # the API itself returns this address
            name=self.name,
        )


def _list_named_files(record: Fields) -> list[Fields]:
    """List the files that have a name; none if they are restricted."""

    def check_name(file: Fields) -> list[Fields]:
        file.text("key")  # raises unless it is text
        return [file]

    files = list(record.each("files", check_name, "key")) if record.part("files").value else []
    record.tally.require_one()
    return files


def _build_page_url(record: Fields, file: Fields) -> str:
    """Build the address where people download a file, which robots.txt allows."""
    page = record.part("links").text("self_html").rstrip("/")
    return f"{page}/files/{quote(file.text('key'))}?download=1"
