"""Find the current state of images inside the transaction that writes or deletes them.

What a run read when it began is old by the time it writes: meanwhile an image may have been taken
down, let go, imported or named by a person. Ask within
`Database.begin_exclusive_transaction`, which keeps all of that from changing before the commit.
"""

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from data_registry.storage import schema
from data_registry.storage.database import ROWS_A_STATEMENT


def find_taken_down(connection: sa.Connection, sha256s: Collection[str]) -> set[str]:
    """Find which of the images are taken down."""
    return select_among(connection, sa.select(schema.tombstone.c.sha256), sha256s)


def find_let_go(connection: sa.Connection, sha256s: Collection[str]) -> set[str]:
    """Find which of the images are discarded and were not imported since."""
    gone = select_among(connection, sa.select(schema.discarded.c.sha256), sha256s)
    return gone - find_labelled(connection, gone)


def find_labelled(connection: sa.Connection, sha256s: Collection[str]) -> set[str]:
    """Find which of the images were imported with a label."""
    return select_among(connection, sa.select(schema.label.c.sha256), sha256s)


def find_present(connection: sa.Connection, sha256s: Collection[str]) -> set[str]:
    """Find which of the images must have bytes."""
    known = select_among(connection, sa.select(schema.image.c.sha256), sha256s)
    return known - find_taken_down(connection, known) - find_let_go(connection, known)


def select_among(
    connection: sa.Connection, statement: sa.Select[tuple[str]], sha256s: Collection[str]
) -> set[str]:
    """Select those of the images that a query of SHA-256 returns."""
    (column,) = statement.selected_columns
    return {
        name
        for names in _split_into_batches(sorted(sha256s))
        for name in connection.scalars(statement.where(column.in_(names)))
    }


def _split_into_batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), ROWS_A_STATEMENT):
        yield names[start : start + ROWS_A_STATEMENT]
