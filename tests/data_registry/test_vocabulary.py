import json
from pathlib import Path

import sqlalchemy as sa
from drawn import labelled_set

from data_registry.duplicates.grouping import update_groups
from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.draft import draft_manifest
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits
from data_registry.vocabulary import ClassOrigin, Split


def test_members_are_written_as_their_text() -> None:
    assert json.dumps({Split.TRAIN: ClassOrigin.LABEL}) == '{"train": "label"}'
    assert f"{Split.VAL} {ClassOrigin.DECISION}" == "val decision"
    assert list(Split) == ["train", "val", "test"]
    assert list(ClassOrigin) == ["label", "annotation", "decision"]


def test_splits_and_class_origins_are_stored_as_plain_text(
    registry: Registry, tmp_path: Path
) -> None:
    import_folder(registry, labelled_set(tmp_path / "set", 10))
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    rows = draft_manifest(registry)
    assert set(rows["split"]) == set(Split)
    assert {type(value) for column in ("split", "class_origin") for value in rows[column]} == {str}
    stored = registry.database.rows(sa.select(schema.split_assignment.c.split).distinct())
    assert {row.split for row in stored} == set(Split)
