"""Process one candidate in a worker thread: get its bytes, check them, store them."""

import time
from collections.abc import Iterator, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from collectors.candidate import Candidate
from collectors.checks.check_settings import CheckSettings
from collectors.checks.image_check import ImageCheck
from collectors.fetch.body import SMALL
from collectors.fetch.fetched import Fetched
from collectors.fetch.fetcher import Fetcher
from collectors.outcomes import Outcome
from data_registry.errors import ImageError, StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.images.records import CollectedImage, FetchAttempt, ImageRecord, Source
from data_registry.registry import Registry
from data_registry.text.secrets import hide_secrets

_LONGEST_DETAIL = 300  # characters


class CandidateProcessor:
    """Turns candidates into attempts; thread-safe.

    Args:
        registry: stores the bytes; the caller writes the rows.
        fetcher: fetches what is not a local file.
        check: what an image must be.
        max_bytes: largest local file.
        known: SHA-256 of stored images, which are not checked again.
        discarded: SHA-256 of images that `ephyra gc` deleted and that are not stored again.
        tombstones: SHA-256 of images that were taken down.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        fetcher: Fetcher,
        check: CheckSettings,
        max_bytes: int,
        known: Set[str],
        discarded: Set[str],
        tombstones: Set[str],
    ) -> None:
        self._registry = registry
        self._fetcher = fetcher
        self._images = ImageCheck(check)
        self._max_bytes = max_bytes
        self._known = known
        self._discarded = discarded
        self._tombstones = tombstones

    def process(self, candidate: Candidate) -> CollectedImage:
        """Try one candidate. No image and no server can make it raise.

        Raises:
            StorageError: the bytes could not be stored.
        """
        started = time.monotonic()
        try:
            collected = self._process(candidate)
        except StorageError:
            raise
        except Exception as error:  # a bug must not cost the images that follow
            detail = f"{type(error).__name__}: {error}"
            collected = CollectedImage(
                build_attempt(candidate.source, Outcome.UNEXPECTED_ERROR, detail=detail)
            )
        milliseconds = round((time.monotonic() - started) * 1000)
        return replace(collected, attempt=replace(collected.attempt, milliseconds=milliseconds))

    def _process(self, candidate: Candidate) -> CollectedImage:
        with self._get_bytes(candidate) as fetched:
            if fetched.failure is None:
                checked = self._check_and_store(fetched.data)
            else:
                checked = _CheckResult(fetched.failure, fetched.detail)
        attempt = build_attempt(
            candidate.source,
            checked.outcome,
            sha256=checked.sha256,
            status=fetched.status,
            byte_count=fetched.byte_count,
            detail=checked.detail,
        )
        return CollectedImage(attempt, checked.image)

    def _check_and_store(self, data: bytes) -> "_CheckResult":
        sha256 = compute_sha256(data)
        if sha256 in self._tombstones:
            return _CheckResult(Outcome.TOMBSTONED)
        if sha256 in self._discarded:
            return _CheckResult(Outcome.NOT_KEPT, sha256=sha256)
        if sha256 in self._known:
            return _CheckResult(Outcome.KNOWN, sha256=sha256)
        try:
            image = self._images.check(data, sha256)
        except ImageError as error:
            return _CheckResult(Outcome(error.outcome), str(error))
        if self._registry.is_taken_down(sha256):  # since the collection began
            return _CheckResult(Outcome.TOMBSTONED)
        self._registry.store_named(sha256, data)
        return _CheckResult(Outcome.STORED, sha256=sha256, image=image)

    @contextmanager
    def _get_bytes(self, candidate: Candidate) -> Iterator[Fetched]:
        if candidate.path is None:
            with self._fetcher.fetch_and_hold(candidate.source.url) as fetched:
                yield fetched
            return
        with ExitStack() as stack:
            yield self._read_file(candidate.path, stack)

    def _read_file(self, path: Path, held: ExitStack) -> Fetched:
        try:
            size = path.stat().st_size
            if size > SMALL:
                held.enter_context(self._fetcher.memory.reserve(min(size, self._max_bytes)))
            with path.open("rb") as file:
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            return Fetched(Outcome.UNREADABLE_FILE, detail=error.strerror or str(error))
        if len(data) > self._max_bytes:
            detail = f"the file goes on; at most {self._max_bytes:,} bytes are accepted"
            return Fetched(Outcome.TOO_LARGE, byte_count=len(data), detail=detail)
        return Fetched(None, data, byte_count=len(data))


@dataclass(frozen=True)
class _CheckResult:
    outcome: Outcome
    detail: str = ""
    sha256: str = ""
    image: ImageRecord | None = None


def build_attempt(
    source: Source,
    outcome: Outcome,
    *,
    sha256: str = "",
    status: int = 0,
    byte_count: int = 0,
    detail: str = "",
) -> FetchAttempt:
    """Build the row of an attempt; whether it may be retried follows from the outcome."""
    return FetchAttempt(
        source=source,
        outcome=outcome,
        retryable=outcome.retryable,
        sha256=sha256,
        status=status,
        byte_count=byte_count,
        detail=make_storable(hide_secrets(detail))[:_LONGEST_DETAIL],
    )


def make_storable(text: str) -> str:
    """Replace lone surrogates and NUL, which servers send and no database takes."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
