"""Soft labels lie beside a version's manifest, as they were published."""

from pathlib import Path

import pytest
from drawn import collect_bytes, jpeg, labelled_set

from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import StorageError
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import (
    Decision,
    Prediction,
    record_decisions,
    record_predictions,
    record_teacher,
)
from data_registry.registry import Registry
from data_registry.retention.orphaned_files import find_orphaned_files
from data_registry.versions.published_versions import Version, find_version
from data_registry.versions.publishing import publish
from data_registry.versions.soft_labels import build_soft_labels_path, read_soft_labels
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits


def soft(registry: Registry, version: Version) -> dict[str, dict[str, float]]:
    return read_soft_labels(registry, version.version_hash, version.card)


def say(registry: Registry, teacher: str, sha256: str, verdict: str, share: float) -> None:
    record_teacher(registry, teacher, {})
    shares = {"a": share, "b": 1 - share}
    record_predictions(registry, teacher, [Prediction(sha256, shares, 0.1)])
    decision = Decision(
        sha256=sha256,
        teacher_id=teacher,
        policy="p",
        verdict=verdict,
        class_name="a",
        confidence=share,
        reason="sure",
        detail="",
    )
    record_decisions(registry, [decision])


@pytest.fixture
def pool(registry: Registry, tmp_path: Path) -> list[str]:
    """Build a labelled set, and four collected images that two teachers have seen."""
    import_folder(registry, labelled_set(tmp_path / "set", 10))
    names = collect_bytes(registry, [jpeg(500 + number) for number in range(4)])
    link_images_by_hashes(registry, Radii())
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    for number, verdict in enumerate(("accepted", "accepted", "accepted", "review")):
        say(registry, "first", names[number], verdict, 0.96)
    say(registry, "second", names[0], "accepted", 0.99)
    record_annotations(
        registry,
        [Annotation(sha256=names[2], class_name="b", person="ada", purpose="review", note="")],
    )
    return names


def test_only_what_machines_named_and_by_the_teacher_that_named_it(
    registry: Registry, pool: list[str]
) -> None:
    version = publish(registry, {})
    found = soft(registry, version)
    assert found.keys() == set(pool[:2])
    assert found[pool[0]] == pytest.approx({"a": 0.99, "b": 0.01})
    assert found[pool[1]] == pytest.approx({"a": 0.96, "b": 0.04})
    assert version.card["soft_labels"]["images"] == 2
    assert find_orphaned_files(registry, settled=-10) == []


def test_a_later_teacher_changes_no_version(registry: Registry, pool: list[str]) -> None:
    first = publish(registry, {})
    before = soft(registry, first)
    say(registry, "third", pool[3], "accepted", 0.97)
    say(registry, "third", pool[0], "accepted", 0.98)
    second = publish(registry, {})
    assert second.tag == "v2"
    assert soft(registry, find_version(registry, "v1")) == before
    assert soft(registry, second)[pool[0]]["a"] == pytest.approx(0.98)
    assert soft(registry, second)[pool[3]]["a"] == pytest.approx(0.97)


def test_a_class_that_a_query_corrected_has_no_soft_target(
    registry: Registry, pool: list[str]
) -> None:
    """The teacher says b at 0.6; with the query's word a was accepted."""
    say(registry, "third", pool[0], "accepted", 0.4)
    version = publish(registry, {})
    assert soft(registry, version).keys() == {pool[1]}
    assert version.card["soft_labels"]["images"] == 1


def test_damage_is_told_and_an_old_version_has_none(registry: Registry, pool: list[str]) -> None:
    version = publish(registry, {})
    registry.files.write(build_soft_labels_path(version.version_hash), b"PAR1 no more")
    with pytest.raises(StorageError, match="not what was published"):
        soft(registry, version)
    assert read_soft_labels(registry, version.version_hash, {}) == {}


def test_without_machine_made_classes_there_are_none(registry: Registry, tmp_path: Path) -> None:
    import_folder(registry, labelled_set(tmp_path / "set", 10))
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    version = publish(registry, {})
    assert soft(registry, version) == {}
    assert version.card["soft_labels"]["images"] == 0
