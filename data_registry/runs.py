"""Trained models, which of them is the champion, and every reading of the test set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from data_registry import schema
from data_registry.database import now
from data_registry.errors import InputError
from data_registry.registry import Registry


@dataclass(frozen=True)
class RunRow:
    """One trained model, as the registry keeps it; its files lie in ``runs/<run_id>/``."""

    run_id: str
    version_hash: str
    model: str
    arm: str
    seed: int
    metrics: Mapping[str, Any]


def record_run(registry: Registry, run: RunRow) -> None:
    """Keep a run; one that is there already is passed over."""
    with registry.database.transaction() as connection:
        row = {**vars(run), "metrics": dict(run.metrics), "at": now()}
        registry.database.add(connection, schema.run, [row])


def runs(registry: Registry) -> pd.DataFrame:
    """Every run: the columns of `schema.run`, oldest first."""
    return registry.database.frame(sa.select(schema.run).order_by(schema.run.c.at))


def record_test_reading(
    registry: Registry, run_id: str, version_hash: str, purpose: str, image_count: int
) -> None:
    """Log that somebody looked at the test set: how often tells how far to trust it."""
    row = {
        "run_id": run_id,
        "version_hash": version_hash,
        "purpose": purpose,
        "image_count": image_count,
        "at": now(),
    }
    with registry.database.transaction() as connection:
        connection.execute(sa.insert(schema.test_reading), [row])


def test_reading_count(registry: Registry) -> int:
    """How often the test set was read."""
    statement = sa.select(sa.func.count()).select_from(schema.test_reading)
    with registry.database.transaction() as connection:
        return int(connection.scalar(statement) or 0)


def promote(registry: Registry, run_id: str, reason: str) -> None:
    """Make a run the champion; nothing is written where it is the champion already."""
    if champion_id(registry) == run_id:
        return
    with registry.database.transaction() as connection:
        row = {"run_id": run_id, "reason": reason, "at": now()}
        connection.execute(sa.insert(schema.champion), [row])


def champion_id(registry: Registry) -> str | None:
    """The champion's run id, or None where none was promoted."""
    table = schema.champion
    statement = sa.select(table.c.run_id).order_by(table.c.promotion_id.desc()).limit(1)
    rows = registry.database.rows(statement)
    return rows[0].run_id if rows else None


def require_champion(registry: Registry) -> str:
    """The champion's run id.

    Raises:
        InputError: no run was promoted yet.
    """
    run_id = champion_id(registry)
    if run_id is None:
        raise InputError("there is no champion yet: give `ephyra train` first")
    return run_id
