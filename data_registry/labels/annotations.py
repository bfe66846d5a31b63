"""Annotations and audits. Tables are append-only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_registry.labels.class_resolution import load_current_annotations
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A person's answer about one image.

    Attributes:
        class_name: what it shows; empty for none of the classes.
        purpose: review or audit.
    """

    sha256: str
    class_name: str
    person: str
    purpose: str = "review"
    note: str = ""


def record_annotations(registry: Registry, annotations: Sequence[Annotation]) -> int:
    """Append the annotations that are new; a repeated answer is skipped.

    Returns:
        How many were new.
    """
    current = load_current_annotations(registry)
    said = {(row.sha256, row.class_name, row.person) for row in current.itertuples()}
    at = now()
    new = [
        {**vars(item), "at": at}
        for item in annotations
        if (item.sha256, item.class_name, item.person) not in said
    ]
    if new:
        with registry.database.begin_exclusive_transaction() as connection:
            connection.execute(sa.insert(schema.annotation), new)
    return len(new)


def record_audit(
    registry: Registry, teacher_id: str, accepted_as: Iterable[tuple[str, str]]
) -> None:
    """Record the images drawn for a teacher's audit: (SHA-256, class it was accepted as)."""
    at = now()
    rows = (
        {"teacher_id": teacher_id, "sha256": sha256, "accepted_as": name, "at": at}
        for sha256, name in accepted_as
    )
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.audit, rows)
