"""Every rule is broken once, on purpose, and `verify` must name it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from decided import fill_registry
from drawn import collect_bytes, encoded, jpeg, picture

from data_registry.duplicates.grouping import link_images_by_hashes
from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.pair_annotations import (
    CANNOT_LINK,
    MUST_LINK,
    PairAnnotation,
    record_pair_annotation,
)
from data_registry.errors import RuleError
from data_registry.registry import Registry, build_blob_path
from data_registry.runs.run_records import RunRow, record_runs
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.verification.verify import Verification, verify
from data_registry.versions.draft import draft_manifest
from data_registry.versions.manifest import (
    build_manifest_path,
    compute_content_hash,
    read_manifest,
    write_manifest,
)
from data_registry.versions.published_versions import find_newest_version, load_versions
from data_registry.versions.publishing import publish


@pytest.fixture
def sound(registry: Registry, tmp_path: Path) -> Registry:
    """Build a workspace that keeps every rule: labelled, collected, decided, published."""
    fill_registry(registry, tmp_path / "set", jpeg(500))
    publish(registry, {})
    return registry


def check(registry: Registry, blobs: bool = False) -> Verification:
    return verify(registry, Radii(), blobs=blobs)


def rules(registry: Registry, blobs: bool = False) -> set[str]:
    return {item.rule for item in check(registry, blobs).breaches}


def test_a_sound_workspace_has_no_breach(sound: Registry) -> None:
    found = check(sound, blobs=True)
    assert found.breaches == ()
    assert found.versions == ("v1",)
    assert found.images == 17
    assert "pHash <= 8" in found.detectors


def plant(registry: Registry, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Publish a manifest that no builder would make."""
    version = find_newest_version(registry)
    assert version is not None
    manifest = change(read_manifest(registry, version.version_hash).copy())
    planted = compute_content_hash(manifest)
    write_manifest(registry, planted, manifest)
    registry.files.write(f"versions/{planted}.json", b'{"splits": {}, "excluded": {}}')
    row = {"version_hash": planted, "parent": version.version_hash, "image_count": 1, "at": now()}
    with registry.database.transaction() as connection:
        connection.execute(sa.insert(schema.version), [row])
        tag = {"number": 2, "tag": "v2", "version_hash": planted, "at": now()}
        connection.execute(sa.insert(schema.version_tag), [tag])


def first_of(manifest: pd.DataFrame, split: str, origin: str = "label") -> int:
    rows = manifest[(manifest["split"] == split) & (manifest["class_origin"] == origin)]
    return int(rows.index[0])


def machine_made_in_test(manifest: pd.DataFrame) -> pd.DataFrame:
    manifest.loc[first_of(manifest, "train", "decision"), "split"] = "test"
    return manifest


def group_in_two_splits(manifest: pd.DataFrame) -> pd.DataFrame:
    test, train = first_of(manifest, "test"), first_of(manifest, "train")
    manifest.loc[train, "group_id"] = manifest.loc[test, "group_id"]
    return manifest


def moved_from_test_to_train(manifest: pd.DataFrame) -> pd.DataFrame:
    manifest.loc[first_of(manifest, "test"), "split"] = "train"
    return manifest


def twice(manifest: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([manifest, manifest.head(1)], ignore_index=True)


def without_class(manifest: pd.DataFrame) -> pd.DataFrame:
    manifest.loc[first_of(manifest, "train"), "class_name"] = ""
    return manifest


def another_class(manifest: pd.DataFrame) -> pd.DataFrame:
    manifest.loc[first_of(manifest, "train"), "class_name"] = "zebra"
    return manifest


def stranger(manifest: pd.DataFrame) -> pd.DataFrame:
    manifest.loc[first_of(manifest, "train"), "sha256"] = "f" * 64
    return manifest


def odd_split(manifest: pd.DataFrame) -> pd.DataFrame:
    manifest.loc[first_of(manifest, "train"), "split"] = "holdout"
    return manifest


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (machine_made_in_test, "machine-made-class-held-out"),
        (machine_made_in_test, "collected-image-held-out"),
        (machine_made_in_test, "split-moved"),
        (group_in_two_splits, "group-in-two-splits"),
        (moved_from_test_to_train, "split-moved"),
        (twice, "image-twice"),
        (without_class, "no-class"),
        (another_class, "class-without-origin"),
        (stranger, "image-unknown"),
        (stranger, "blob-missing"),
        (odd_split, "unknown-split"),
    ],
)
def test_a_planted_manifest_is_named(
    sound: Registry, change: Callable[[pd.DataFrame], pd.DataFrame], rule: str
) -> None:
    plant(sound, change)
    assert rule in rules(sound)


def test_a_manifest_that_was_changed_or_lost(sound: Registry) -> None:
    version = find_newest_version(sound)
    assert version is not None
    manifest = read_manifest(sound, version.version_hash)
    write_manifest(sound, version.version_hash, manifest.assign(licence="CC0"))
    assert "version-changed" in rules(sound)
    sound.files.delete(build_manifest_path(version.version_hash))
    assert rules(sound) == {"manifest-missing"}


def test_bytes_that_changed_or_went(sound: Registry) -> None:
    first, second, *_ = sorted(sound.find_known_images())
    sound.files.write(build_blob_path(first), b"other bytes")
    assert rules(sound) == set()  # seen only by hashing again
    assert rules(sound, blobs=True) == {"blob-changed"}
    sound.files.delete(build_blob_path(second))
    assert rules(sound, blobs=True) == {"blob-changed", "blob-missing"}


def test_a_copy_across_splits_that_no_link_tells_of(sound: Registry, tmp_path: Path) -> None:
    version = find_newest_version(sound)
    assert version is not None
    manifest = read_manifest(sound, version.version_hash)
    held_out = manifest.loc[first_of(manifest, "test"), "sha256"]
    numbers = [*range(8), *range(1000, 1008)]
    number = next(n for n in numbers if sound.read_image(held_out) == jpeg(n))
    (copy,) = collect_bytes(sound, [encoded(picture(number), quality=60)])

    def with_copy(rows: pd.DataFrame) -> pd.DataFrame:
        row = rows.loc[first_of(rows, "train", "decision")].copy()
        row["sha256"], row["group_id"] = copy, copy
        return pd.concat([rows, row.to_frame().T], ignore_index=True)

    plant(sound, with_copy)
    assert "copy-across-splits" in rules(sound)
    link_images_by_hashes(sound, Radii())
    assert "linked-across-splits" not in rules(sound)
    assert [item.rule for item in verify(sound, Radii()).later] == ["linked-across-splits"]


def test_a_held_out_image_without_label(sound: Registry) -> None:
    (sha256,) = collect_bytes(sound, [jpeg(501)])
    with sound.database.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER held_out_needs_label")
        row = {"sha256": sha256, "split": "test", "at": now()}
        connection.execute(sa.insert(schema.split_assignment), [row])
    assert {"guard-missing", "held-out-without-label"} <= rules(sound)


def test_a_taken_down_image_that_is_back(sound: Registry) -> None:
    row = {"sha256": min(sound.find_known_images()), "reason": "asked", "at": now()}
    with sound.database.transaction() as connection:
        connection.execute(sa.insert(schema.tombstone), [row])
    assert rules(sound) == {"tombstoned-image-stored"}


def test_a_test_reading_that_nobody_logged(sound: Registry) -> None:
    version = find_newest_version(sound)
    assert version is not None
    row = RunRow(
        run_id="r1",
        version_hash=version.version_hash,
        model="cnn",
        arm="with",
        seed=0,
        metrics={"test": {"accuracy": 1}},
    )
    record_runs(sound, [row])
    assert rules(sound) == {"test-reading-not-logged"}


def test_a_copy_that_a_person_called_not_the_same_is_let_stand(
    sound: Registry, tmp_path: Path
) -> None:
    manifest = draft_manifest(sound)
    measured, taught = (
        manifest.loc[first_of(manifest, split), "sha256"] for split in ("test", "train")
    )
    with sound.database.transaction() as connection:
        table, upright = schema.image_hash, sa.select(schema.image_hash.c.orientations)
        for kind in ("phash", "dhash"):
            same = upright.where(table.c.sha256 == measured, table.c.kind == kind)
            theirs = sa.update(table).where(table.c.sha256 == taught, table.c.kind == kind)
            connection.execute(theirs.values(orientations=same.scalar_subquery()))
    assert rules(sound) == {"copy-across-splits"}
    record_pair_annotation(
        sound, PairAnnotation(first=measured, second=taught, says=CANNOT_LINK, person="ada")
    )
    assert rules(sound) == set()
    assert "but for 1 pair with a cannot-link" in check(sound).detectors


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (machine_made_in_test, "machine-made-class-held-out"),
        (moved_from_test_to_train, "split-moved"),
        (another_class, "class-without-origin"),
        (stranger, "image-unknown"),
        (group_in_two_splits, "group-in-two-splits"),
    ],
)
def test_the_builder_refuses_what_verify_would_find(
    sound: Registry,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    rule: str,
) -> None:
    from data_registry.versions import publishing

    draft = publishing.draft_manifest
    monkeypatch.setattr(publishing, "draft_manifest", lambda r: change(draft(r)))
    with pytest.raises(RuleError, match=rule):
        publish(sound, {})
    assert [v.tag for v in load_versions(sound)] == ["v1"]


def test_the_builder_refuses_two_linked_images_in_two_splits(
    sound: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data_registry.versions import publishing

    rows = draft_manifest(sound)
    one, other = (rows.loc[first_of(rows, split), "sha256"] for split in ("test", "train"))
    link = PairAnnotation(first=one, second=other, says=MUST_LINK, person="ada")
    record_pair_annotation(sound, link)
    monkeypatch.setattr(publishing, "draft_manifest", lambda _: rows)  # as if it had not heard
    with pytest.raises(RuleError, match="linked-across-splits"):
        publish(sound, {})
