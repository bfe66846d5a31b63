"""Find the image that a person names: by SHA-256 or a prefix, a file, a URL or a path."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from data_registry.errors import InputError
from data_registry.images.hashing import compute_sha256
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.text.file_names import escape_file_name
from data_registry.text.hashes import LEAST_PREFIX, shorten_hash

_HEX = frozenset("0123456789abcdef")
_SHA256_LENGTH = 64
_LISTED = 5


@dataclass(frozen=True)
class ImageReference:
    """The image that was named.

    Attributes:
        sha256: of the image; empty where a URL was tried and nothing was stored.
        url: the URL that was given, or empty.
    """

    sha256: str
    url: str = ""


def find_image(registry: Registry, given: str) -> ImageReference:
    """Find the image that a person names.

    Args:
        registry: holds the images.
        given: a SHA-256 or a prefix of it; a URL of an image or of its page; a file with its
            bytes; or the path below the folder that the image was imported from.

    Raises:
        InputError: there is none, or more than one.
    """
    if "://" in given:
        return _find_by_address(registry, given)
    file = Path(given)
    if file.is_file():
        return _find_by_file(registry, file)
    labelled = _find_by_import_path(registry, given)
    if labelled:
        return ImageReference(_require_one(registry, given, labelled, "were imported from"))
    return ImageReference(_find_by_prefix(registry, given))


def _find_by_address(registry: Registry, url: str) -> ImageReference:
    source, attempt = schema.source, schema.fetch_attempt
    seen = sa.select(source.c.sha256).where((source.c.url == url) | (source.c.page_url == url))
    found = sorted({row.sha256 for row in registry.database.rows(seen)})
    if found:
        return ImageReference(_require_one(registry, url, found, "were seen at"), url)
    tried = sa.select(attempt.c.attempt_id).where(attempt.c.url == url).limit(1)
    if not registry.database.rows(tried):
        raise InputError(
            f"{url} was never tried: no provider returned this address. `ephyra decisions --csv "
            "FILE` lists every address that was"
        )
    return ImageReference("", url)


def _find_by_file(registry: Registry, file: Path) -> ImageReference:
    try:
        sha256 = compute_sha256(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    if sha256 not in _find_known(registry, sha256):
        raise InputError(
            f"{file} (SHA-256 {sha256}) was neither imported nor collected: these very bytes are "
            "not known. A resized or newly saved copy has other bytes"
        )
    return ImageReference(sha256)


def _find_by_import_path(registry: Registry, path: str) -> list[str]:
    label = schema.label
    statement = sa.select(label.c.sha256).where(label.c.path == escape_file_name(path)).distinct()
    return sorted(row.sha256 for row in registry.database.rows(statement))


def _find_by_prefix(registry: Registry, given: str) -> str:
    prefix = given.lower()
    if not LEAST_PREFIX <= len(prefix) <= _SHA256_LENGTH or not _HEX.issuperset(prefix):
        raise InputError(
            f"{given!r} names no image: expected a SHA-256 or at least its first {LEAST_PREFIX} "
            "characters, a URL, or a file"
        )
    found = _find_known(registry, prefix)
    if not found:
        raise InputError(
            f"no image begins with {given}: it was neither imported nor collected here. "
            "`ephyra decisions --csv FILE` lists the collected ones"
        )
    return _require_one(registry, given, found, "begin with")


def _find_known(registry: Registry, prefix: str) -> list[str]:
    """Find the images with this prefix, including those taken down."""
    tables = (schema.image, schema.tombstone)
    statements = (sa.select(t.c.sha256).where(t.c.sha256.startswith(prefix)) for t in tables)
    return sorted({row.sha256 for item in statements for row in registry.database.rows(item)})


def _require_one(registry: Registry, given: str, found: Sequence[str], how: str) -> str:
    if len(found) == 1:
        return found[0]
    listed = ", ".join(
        f"{shorten_hash(name, 16)} ({find_first_url(registry, name)})" for name in found[:_LISTED]
    )
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise InputError(
        f"{len(found)} images {how} {given}: {listed}{more}. Enter more characters of one"
    )


def find_first_url(registry: Registry, sha256: str) -> str:
    """Find the alphabetically first URL at which an image was seen, or empty."""
    source = schema.source
    statement = sa.select(sa.func.min(source.c.url)).where(source.c.sha256 == sha256)
    (row,) = registry.database.rows(statement)
    return str(row[0] or "")
