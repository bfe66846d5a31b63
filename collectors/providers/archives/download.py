"""A large file, such as an archive of images, fetched once and kept where the user wants it."""

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher
from data_registry.errors import ProviderError, StorageError

_LONGEST = 6 * 3600.0  # seconds; a server that falls silent is given up long before
_PIECE = 1 << 20
_UNFINISHED = ".partial"


def download(
    url: str,
    file: Path,
    fetch: FetchSettings,
    most_bytes: int,
    *,
    check: Callable[[Path], object],
    md5: str = "",
) -> None:
    """Fetch a file, within the same rules as an image; nothing where it is there already.

    It is written under a temporary name and renamed when it is complete and found good, so that a
    killed download, or a page that came in its place, leaves nothing under its own name.

    Args:
        url: an http or https URL.
        file: where it is kept.
        fetch: limits and contact; seconds and bytes apart.
        most_bytes: accepted.
        check: raises ProviderError for a file that is of no use.
        md5: its MD5 in hexadecimal digits, if one is stated.

    Raises:
        ProviderError: it cannot be had, or is another file than the one that was described.
        StorageError: it cannot be written.
    """
    partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}{_UNFINISHED}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(file)
        if file.exists():
            return
        _fetch(url, partial, replace(fetch, total_seconds=_LONGEST, max_bytes=most_bytes))
        _check_digest(url, partial, md5)
        _check_use(url, partial, file, check)
        partial.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _remove_unfinished(file: Path) -> None:
    """What killed downloads of the file left behind; one that still goes on is younger."""
    for other in file.parent.iterdir():
        is_one = other.name.startswith(f".{file.name}.") and other.name.endswith(_UNFINISHED)
        if is_one and time.time() - other.stat().st_mtime > _LONGEST:
            other.unlink(missing_ok=True)


def _fetch(url: str, partial: Path, settings: FetchSettings) -> None:
    with Fetcher(settings) as fetcher, partial.open("wb") as target:
        answer = fetcher.download(url, target)
    if answer.failure is not None:
        raise ProviderError(
            f"{url} cannot be had: {answer.failure} ({answer.detail}). Check the address, or fetch "
            "the file yourself and give its path"
        )


def _check_digest(url: str, file: Path, md5: str) -> None:
    if not md5:
        return
    digest = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as data:
        while piece := data.read(_PIECE):
            digest.update(piece)
    if digest.hexdigest() != md5.lower():
        raise ProviderError(
            f"{url} gave a file with the MD5 {digest.hexdigest()}; expected {md5}. Give the same "
            "command again"
        )


def _check_use(url: str, partial: Path, file: Path, check: Callable[[Path], object]) -> None:
    try:
        check(partial)
    except ProviderError as error:
        told = str(error).replace(str(partial), file.name)  # the temporary name tells nobody much
        raise ProviderError(
            f"{url} gave a file that was not kept: {told}. Look at the address in a browser, or "
            "fetch the file yourself and give its path"
        ) from error
