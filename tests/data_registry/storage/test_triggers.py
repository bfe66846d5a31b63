"""The database itself refuses what must not be, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from decided import fill_registry
from drawn import collect_bytes, jpeg

from data_registry.errors import RuleError
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.registry import Registry
from data_registry.storage import schema, triggers
from data_registry.storage.database import now
from data_registry.verification.digest import compute_canonical_digest
from data_registry.versions.publishing import publish
from data_registry.versions.splits import load_assigned_splits


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    """Build a registry with a labelled set, a version and a collected image with a decision."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with Registry.open(tmp_path / "workspace", url) as registry:
        publish_annotated(registry, tmp_path / "set")
        yield registry


def publish_annotated(registry: Registry, folder: Path) -> None:
    sha256 = fill_registry(registry, folder, jpeg(77))
    record_annotations(registry, [Annotation(sha256=sha256, class_name="a", person="somebody")])
    publish(registry, {})


def assign(registry: Registry, sha256: str, split: str) -> None:
    row = {"sha256": sha256, "split": split, "at": now()}
    with registry.database.transaction() as connection:
        connection.execute(sa.insert(schema.split_assignment), [row])


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_collected_image_is_never_held_out(filled: Registry, split: str) -> None:
    (sha256,) = collect_bytes(filled, [jpeg(78)])
    before = compute_canonical_digest(filled)
    with pytest.raises(RuleError, match="only an image with an imported label"):
        assign(filled, sha256, split)
    assert compute_canonical_digest(filled) == before


def test_a_collected_image_that_taught_is_in_train_for_ever(filled: Registry) -> None:
    (sha256,) = filled.find_known_images() - filled.find_labelled_images()
    assert load_assigned_splits(filled)[sha256] == "train"


def test_an_unknown_split_is_refused(filled: Registry) -> None:
    (sha256,) = collect_bytes(filled, [jpeg(78)])
    with pytest.raises(RuleError):
        assign(filled, sha256, "holdout")


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_assignment_is_permanent(filled: Registry, split: str) -> None:
    table = schema.split_assignment
    for change in (sa.update(table).values(split=split), sa.delete(table)):
        with pytest.raises(RuleError, match="append-only"), filled.database.transaction() as link:
            link.execute(change)


@pytest.mark.parametrize("name", ["decision", "annotation", "version", "version_tag", "label"])
def test_history_is_never_changed(filled: Registry, name: str) -> None:
    table = schema.metadata.tables[name]
    column = next(c for c in table.columns if isinstance(c.type, sa.String))
    for change in (sa.update(table).values({column: "x"}), sa.delete(table)):
        with pytest.raises(RuleError, match="append-only"), filled.database.transaction() as link:
            link.execute(change)


def test_what_is_labelled_or_published_is_never_discarded(filled: Registry) -> None:
    (published,) = filled.find_known_images() - filled.find_labelled_images()
    (spare,) = collect_bytes(filled, [jpeg(78)])
    row = {"reason": "turned down", "byte_count": 1, "at": now()}
    for sha256 in (published, min(filled.find_labelled_images())):
        with (
            pytest.raises(RuleError, match="labelled or in a version"),
            filled.database.transaction() as link,
        ):
            link.execute(sa.insert(schema.discarded), [{**row, "sha256": sha256}])
    with filled.database.transaction() as link:
        link.execute(sa.insert(schema.discarded), [{**row, "sha256": spare}])
    assert filled.find_discarded_images() == {spare}
    with pytest.raises(RuleError, match="append-only"), filled.database.transaction() as link:
        link.execute(sa.delete(schema.discarded))


def test_every_guard_is_installed(filled: Registry) -> None:
    with filled.database.transaction() as connection:
        assert triggers.find_missing(connection) == []


def test_both_databases_know_the_same(filled: Registry, tmp_path: Path) -> None:
    with Registry.open(tmp_path / "other") as other:
        publish_annotated(other, tmp_path / "set")
        assert compute_canonical_digest(other) == compute_canonical_digest(filled)
