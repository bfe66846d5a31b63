"""Fetch a large file, such as an archive of images, once, and store it at a given path."""

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from collectors.fetch.fetched import FetchSettings
from collectors.fetch.fetcher import Fetcher
from data_registry.errors import ProviderError, StorageError

_LONGEST = 6 * 3600.0  # seconds; a silent server is given up long before
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
    """Fetch a file, by the same rules as an image, unless it exists.

    It is written under a temporary name and renamed when it is complete and checked, so that a
    killed download, or a page instead of the file, leaves nothing under its own name.

    Args:
        url: an http or https URL.
        file: where it is stored.
        fetch: limits and contact; seconds and bytes are replaced.
        most_bytes: largest size.
        check: raises ProviderError for an unusable file.
        md5: its MD5 in hexadecimal digits, if one is stated.

    Raises:
        ProviderError: it cannot be fetched, has another MD5, or is unusable.
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
    """Remove what killed downloads left behind; a running one is younger."""
    for other in file.parent.iterdir():
        is_one = other.name.startswith(f".{file.name}.") and other.name.endswith(_UNFINISHED)
        if is_one and time.time() - other.stat().st_mtime > _LONGEST:
            other.unlink(missing_ok=True)


def _fetch(url: str, partial: Path, settings: FetchSettings) -> None:
    with Fetcher(settings) as fetcher, partial.open("wb") as target:
        answer = fetcher.download(url, target)
    if answer.failure is not None:
        raise ProviderError(
            f"{url} cannot be fetched: {answer.failure} ({answer.detail}). Check the address, or "
            "download the file yourself and set its path"
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
            f"{url} returned a file with the MD5 {digest.hexdigest()}; expected {md5}. Run the "
            "same command again"
        )


def _check_use(url: str, partial: Path, file: Path, check: Callable[[Path], object]) -> None:
    try:
        check(partial)
    except ProviderError as error:
        reason = str(error).replace(str(partial), file.name)  # the temporary name means nothing
        raise ProviderError(
            f"{url} returned a file that was not kept: {reason}. Open the address in a browser, or "
            "download the file yourself and set its path"
        ) from error
