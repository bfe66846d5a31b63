"""A damaged file of a version is named, with what to do; a sound one is read as it is."""

import io
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pytest
from drawn import labelled_set

from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import StorageError
from data_registry.ingest.importing import import_folder
from data_registry.labels.out_of_fold import load_newest_out_of_fold, write_out_of_fold
from data_registry.registry import Registry
from data_registry.storage.json_records import refuse_unknown_keys
from data_registry.storage.stored_content import read_record, read_rows
from data_registry.verification.verify import verify
from data_registry.versions.manifest import (
    build_card_path,
    build_manifest_path,
    read_manifest,
    write_manifest,
)
from data_registry.versions.published_versions import Version, load_versions
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits

RANDOM = bytes(range(1, 256)) + b"\xff\xfe"


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> Version:
    import_folder(registry, labelled_set(tmp_path / "set", per_class=4))
    link_images_by_hashes(registry, Radii())
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    return publish(registry, {})


@refuse_unknown_keys
@dataclass(frozen=True)
class Part:
    share: float
    names: tuple[str, ...] = ()


@refuse_unknown_keys
@dataclass(frozen=True)
class Card:
    count: int
    parts: tuple[Part, ...]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"parts": []}', "count: Field required"),
        ('{"count": "3", "parts": []}', "count: Input should be a valid integer"),
        ('{"count": 3.5, "parts": []}', "count: Input should be a valid integer"),
        ('{"count": true, "parts": []}', "count: Input should be a valid integer"),
        ('{"count": 3, "parts": [{"share": null}]}', "parts.0.share: Input should be a valid numb"),
        ('{"count": 3, "parts": [{"share": 1, "nmes": []}]}', "parts.0.nmes: Unexpected keyword"),
        ('{"count": 3, "parts": [{"share": 1, "names": [2]}]}', "parts.0.names.0: Input should be"),
        ('{"count": 3, "parts": [], "more": 1}', "more: Unexpected keyword argument"),
    ],
)
def test_the_first_wrong_value_of_a_record_is_named(
    registry: Registry, text: str, said: str
) -> None:
    registry.files.write("card.json", text.encode())
    with pytest.raises(StorageError) as caught:
        read_record(registry.files, "card.json", Card, "Delete it")
    assert str(caught.value).startswith(f"card.json is damaged (ValueError: {said}")
    assert str(caught.value).endswith("). Delete it")


def test_a_record_is_read_as_it_was_written(registry: Registry) -> None:
    card = Card(3, (Part(0.5, ("a", "b")), Part(math.inf), Part(1)))
    registry.files.write("card.json", json.dumps(asdict(card)).encode())
    assert read_record(registry.files, "card.json", Card, "Delete it") == card
    registry.files.write("card.json", b'{"count": 1, "parts": [{"share": NaN}]}')
    (part,) = read_record(registry.files, "card.json", Card, "Delete it").parts
    assert math.isnan(part.share)


@pytest.mark.parametrize(
    "damage", [b"", RANDOM, b"{", b"[1]", b"null", b'"text"', b"3", b"[" * 100_000]
)
def test_what_is_no_json_object_is_told(registry: Registry, damage: bytes) -> None:
    registry.files.write("card.json", damage)
    with pytest.raises(StorageError, match=r"card\.json is damaged \(.*\)\. Delete it"):
        read_record(registry.files, "card.json", Card, "Delete it")


def test_a_card_with_a_value_of_another_type_is_told(registry: Registry, version: Version) -> None:
    for name in ("version", "images", "splits", "classes", "origins", "excluded", "audit"):
        wrong = {**version.card, name: [1]}
        registry.files.write(build_card_path(version.version_hash), json.dumps(wrong).encode())
        with pytest.raises(StorageError, match=f"is damaged .*{name}.*restore it from a backup"):
            load_versions(registry)
    other = {**version.card, "version": "ab" * 32}
    registry.files.write(build_card_path(version.version_hash), json.dumps(other).encode())
    with pytest.raises(StorageError, match="another version's"):
        load_versions(registry)
    registry.files.write(
        build_card_path(version.version_hash), json.dumps(dict(version.card)).encode()
    )
    assert load_versions(registry) == [version]


def test_a_damaged_manifest_is_told(registry: Registry, version: Version) -> None:
    path = build_manifest_path(version.version_hash)
    sound = registry.files.read(path)
    other = io.BytesIO()
    pd.DataFrame({"x": [1]}).to_parquet(other)
    for damage in (b"", RANDOM, sound[: len(sound) // 2], other.getvalue()):
        registry.files.write(path, damage)
        with pytest.raises(StorageError, match=r"parquet is damaged.*restore it from a backup"):
            read_manifest(registry, version.version_hash)
        assert {item.rule for item in verify(registry, Radii()).breaches} == {"manifest-missing"}


def test_a_changed_manifest_is_told(registry: Registry, version: Version) -> None:
    rows = read_manifest(registry, version.version_hash)
    write_manifest(registry, version.version_hash, rows.assign(class_name="a"))
    with pytest.raises(StorageError, match="is not what was published"):
        read_manifest(registry, version.version_hash)


def test_columns_of_other_types_are_told(registry: Registry) -> None:
    table = pd.DataFrame({"sha256": [1], "p:a": ["x"]})
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    registry.files.write("rows.parquet", buffer.getvalue())
    with pytest.raises(StorageError, match="sha256 holds int64, no texts"):
        read_rows(registry.files, "rows.parquet", "Delete it", texts=["sha256"])
    with pytest.raises(StorageError, match=r"p:a holds .*string, no numbers"):
        read_rows(registry.files, "rows.parquet", "Delete it", numbers=["p:a"])


def test_what_was_said_out_of_fold_is_read_again(registry: Registry) -> None:
    import numpy as np

    from data_registry.labels.decisions import record_teacher

    record_teacher(registry, "teacher", {})
    write_out_of_fold(registry, "teacher", ["ab"], ["a", "b"], np.array([[0.25, 0.75]]))
    found = load_newest_out_of_fold(registry)
    assert found is not None
    assert found[1].to_dict("index") == {"ab": {"a": 0.25, "b": 0.75}}
