"""Record and load trained models and every reading of the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.text.hashes import LEAST_PREFIX, is_prefix_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One trained model in the registry; its files lie in ``runs/<run_id>/``."""

    run_id: str
    version_hash: str
    model: str
    arm: str
    seed: int
    metrics: Mapping[str, Any]


def record_runs(registry: Registry, finished: Sequence[RunRow]) -> None:
    """Record runs, all or none; runs already recorded are skipped."""
    at = now()
    rows = [{**vars(run), "metrics": dict(run.metrics), "at": at} for run in finished]
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.run, rows)


def load_runs(registry: Registry) -> pd.DataFrame:
    """Load every run: the columns of `schema.run`, oldest first."""
    return registry.database.frame(sa.select(schema.run).order_by(schema.run.c.at))


def count_runs(registry: Registry) -> int:
    """Count the runs."""
    return _count_rows(registry, schema.run)


def find_run(registry: Registry, beginning: str) -> str:
    """Find the id of the one run with this prefix.

    Raises:
        InputError: there is no such run, or several that begin like this.
    """
    known: list[str] = [
        row.run_id for row in registry.database.rows(sa.select(schema.run.c.run_id))
    ]
    named = [name for name in known if name.startswith(beginning)]
    if len(named) != 1 or not is_prefix_of(beginning, named[0]):
        raise InputError(
            f"{len(named)} runs begin with {beginning!r}; expected at least {LEAST_PREFIX} "
            "characters of exactly one of: "
            f"{', '.join(sorted(known)) or 'none, run `ephyra train` first'}"
        )
    return named[0]


def record_test_reading(
    registry: Registry, run_id: str, version_hash: str, purpose: str, image_count: int
) -> None:
    """Log a reading of the test set: the more readings, the less it can be trusted."""
    row = {
        "run_id": run_id,
        "version_hash": version_hash,
        "purpose": purpose,
        "image_count": image_count,
        "at": now(),
    }
    with registry.database.transaction() as connection:
        connection.execute(sa.insert(schema.test_reading), [row])


def count_test_readings(registry: Registry) -> int:
    """Count the readings of the test set."""
    return _count_rows(registry, schema.test_reading)


def _count_rows(registry: Registry, table: sa.Table) -> int:
    with registry.database.transaction() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
