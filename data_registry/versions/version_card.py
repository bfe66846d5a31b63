"""Read a version's card and check its types, so that damage is reported where it is read."""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from typing_extensions import TypedDict

from data_registry.errors import StorageError
from data_registry.storage.files import FileStore
from data_registry.storage.stored_content import name_damaged_file, read_json
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


def read_card(files: FileStore, version_hash: str) -> VersionCard:
    """Read a version's card.

    Raises:
        StorageError: it is missing or damaged.
    """
    path = build_card_path(version_hash)
    card = read_json(files, path, RESTORE)
    with name_damaged_file(path, RESTORE):
        if wrong := _find_wrong_value(card):
            raise TypeError(wrong)
    if card.get("version", version_hash) != version_hash:
        raise StorageError(f"{path} is damaged: it is another version's. {RESTORE}")
    return cast(VersionCard, card)


def _find_wrong_value(card: Mapping[str, Any]) -> str:
    """Find the first value of a wrong type, in words; empty where there is none."""
    from pydantic import ValidationError

    try:
        _build_adapter().validate_python(card, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))} is not what a card says"
    return ""


@cache
def _build_adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(VersionCard)
