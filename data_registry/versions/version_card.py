"""Read a version's card and check its types, so that damage is reported where it is read."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from data_registry.errors import StorageError
from data_registry.storage.files import FileStore
from data_registry.storage.stored_content import read_record
from data_registry.versions.manifest import RESTORE, build_card_path

_Counts = dict[str, int]


class AuditMark(TypedDict):
    """Whether an audit certified the version's pseudo-labels."""

    state: str
    machine_labelled: int
    certified: float | None


class SoftTargetsFile(TypedDict):
    """The file of the version's soft targets: its images and its SHA-256."""

    images: int
    sha256: str


class _Needed(TypedDict):
    splits: _Counts
    excluded: _Counts


class VersionCard(_Needed, total=False):
    """What a version's card holds; cards of earlier releases lack some keys."""

    version: str
    parent: str
    images: int
    classes: dict[str, _Counts]
    origins: dict[str, _Counts]
    licences: _Counts
    groups: int
    settings: Mapping[str, Any]
    cost: Mapping[str, Any]
    checks: str
    audit: AuditMark
    soft_labels: SoftTargetsFile


# A later release may add keys; they are kept where a card is shown.
VersionCard.__pydantic_config__ = {"extra": "allow"}  # type: ignore[attr-defined]


def read_card(files: FileStore, version_hash: str) -> VersionCard:
    """Read a version's card.

    Raises:
        StorageError: it is missing or damaged.
    """
    path = build_card_path(version_hash)
    card = read_record(files, path, VersionCard, RESTORE)
    if card.get("version", version_hash) != version_hash:
        raise StorageError(f"{path} is damaged: it is another version's. {RESTORE}")
    return card
