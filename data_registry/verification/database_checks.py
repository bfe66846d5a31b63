"""Check the rules that the tables must meet, whatever the versions hold."""

from collections.abc import Iterator

import sqlalchemy as sa

from data_registry.registry import Registry, build_blob_path
from data_registry.storage import schema, triggers
from data_registry.versions.leaks import Breach, build_breach
from data_registry.versions.splits import HELD_OUT
from data_registry.vocabulary import Split


def find_database_breaches(registry: Registry) -> Iterator[Breach]:
    """Find every rule that the tables break."""
    yield from _check_holdout_labels(registry)
    with registry.database.transaction() as connection:
        missing = triggers.find_missing(connection)
    if missing:
        detail = f"the database no longer refuses bad changes: {', '.join(missing)}"
        yield build_breach("guard-missing", detail, [])
    tombstones = sorted(registry.find_tombstones())
    returned = [name for name in tombstones if registry.files.exists(build_blob_path(name))]
    if returned:
        yield build_breach(
            "tombstoned-image-stored", "an image that was taken down is back", returned
        )
    yield from _check_test_readings(registry)


def _check_holdout_labels(registry: Registry) -> Iterator[Breach]:
    assigned, label = schema.split_assignment, schema.label
    statement = sa.select(assigned.c.sha256).where(
        assigned.c.split.in_(HELD_OUT), assigned.c.sha256.not_in(sa.select(label.c.sha256))
    )
    unlabelled = [row.sha256 for row in registry.database.rows(statement)]
    if unlabelled:
        detail = "assigned to val or test without an imported label"
        yield build_breach("held-out-without-label", detail, unlabelled)


def _check_test_readings(registry: Registry) -> Iterator[Breach]:
    run, reading = schema.run, schema.test_reading
    logged = sa.select(reading.c.run_id)
    statement = sa.select(run.c.run_id, run.c.metrics).where(run.c.run_id.not_in(logged))
    silent = [
        row.run_id for row in registry.database.rows(statement) if row.metrics.get(Split.TEST)
    ]
    if silent:
        detail = f"runs with test figures and no logged reading: {', '.join(silent[:3])}"
        yield build_breach("test-reading-not-logged", detail, [])
