"""Read a version's card and check its types, so that damage is reported where it is read."""

from functools import cache
from typing import Any

from typing_extensions import TypedDict

from data_registry.errors import StorageError
from data_registry.storage.files import FileStore
from data_registry.storage.stored_content import name_damaged_file, read_json
from data_registry.versions.manifest import RESTORE, build_card_path

_Counts = dict[str, int]


class _Audit(TypedDict):
    state: str
    machine_labelled: int
    certified: float | None


class _SoftLabels(TypedDict):
    images: int
    sha256: str


class _Needed(TypedDict):
    splits: _Counts
    excluded: _Counts


class _Card(_Needed, total=False):
    """Cards of earlier releases lack some of these."""

    version: str
    parent: str
    images: int
    classes: dict[str, _Counts]
    origins: dict[str, _Counts]
    licences: _Counts
    groups: int
    settings: dict[str, Any]
    cost: dict[str, Any]
    checks: str
    audit: _Audit
    soft_labels: _SoftLabels


def read_card(files: FileStore, version_hash: str) -> dict[str, Any]:
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
    return card


def _find_wrong_value(card: dict[str, Any]) -> str:
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

    return TypeAdapter(_Card)
