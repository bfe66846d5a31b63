"""The order of the review queue. It is derived, like groups, and has no history."""

from collections.abc import Sequence

import sqlalchemy as sa

from data_registry.registry import Registry
from data_registry.storage import schema


def record_questions(registry: Registry, sha256s: Sequence[str]) -> None:
    """Record the order of the review queue, which replaces the one before."""
    rows = [{"sha256": name, "rank": rank} for rank, name in enumerate(sha256s)]
    with registry.database.transaction() as connection:
        connection.execute(sa.delete(schema.question))
        registry.database.add(connection, schema.question, rows)


def load_question_ranks(registry: Registry) -> dict[str, int]:
    """Load the rank of each image in the queue, from 0."""
    rows = registry.database.rows(sa.select(schema.question.c.sha256, schema.question.c.rank))
    return {row.sha256: row.rank for row in rows}
