"""The immutable records that other packages hand to the registry."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_registry.images.hashing import OrientedHashes

# Outcomes that the registry itself gives; `collectors.outcomes` has the others.
STORED = "stored"
TOMBSTONED = "tombstoned"
NOT_KEPT = "not_kept"


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """What is known of an image's bytes and pixels.

    Attributes:
        sha256: name of the original bytes.
        format: sniffed format, lower case.
        width, height: upright size in pixels.
        byte_count: size of the original file in bytes.
        phash, dhash: shape (8,) uint64, see `compute_perceptual_hashes`.
    """

    sha256: str
    format: str
    width: int
    height: int
    byte_count: int
    phash: OrientedHashes = field(repr=False, compare=False)
    dhash: OrientedHashes = field(repr=False, compare=False)


@dataclass(frozen=True)  # by position too: providers of other packages make them
class Source:
    """One place an image was seen. Empty strings stand for what the place did not say."""

    provider: str
    url: str
    query: str = ""
    page_url: str = ""
    licence: str = ""
    licence_url: str = ""
    creator: str = ""


@dataclass(frozen=True, kw_only=True)
class FetchAttempt:
    """One try at one candidate.

    Attributes:
        source: the candidate's facts; (provider, query, url) identify the candidate.
        outcome: see `collectors.outcomes`.
        retryable: whether a later run should try again.
        sha256: the stored image, or empty.
        status: HTTP status, or 0 where none was received.
        byte_count: bytes received.
        milliseconds: duration of the try, waiting included.
        detail: what went wrong, in words; empty if nothing did.
    """

    source: Source
    outcome: str
    retryable: bool = False
    sha256: str = ""
    status: int = 0
    byte_count: int = 0
    milliseconds: int = 0
    detail: str = ""


@dataclass(frozen=True)
class CollectedImage:
    """An attempt and, where it succeeded, the image it brought."""

    attempt: FetchAttempt
    image: ImageRecord | None = None

    def mark_taken_down(self) -> CollectedImage:
        """Return the attempt as one at an image that was taken down meanwhile."""
        return CollectedImage(replace(self.attempt, outcome=TOMBSTONED, sha256=""))

    def mark_not_kept(self) -> CollectedImage:
        """Return the attempt as one at an image that was discarded meanwhile."""
        return CollectedImage(replace(self.attempt, outcome=NOT_KEPT))
