"""Store must-links and cannot-links: a person says that two images are, or are not, duplicates.

They override automatic evidence: a cannot-link removes every direct link of the pair, and a
must-link is a link (`data_registry.duplicates.links`). The table is append-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now

if TYPE_CHECKING:
    import pandas as pd

MUST_LINK = "same"
CANNOT_LINK = "not the same"


@dataclass(frozen=True, kw_only=True)
class PairAnnotation:
    """A person's word on two images.

    Attributes:
        first, second: their SHA-256, in either order.
        says: `MUST_LINK` or `CANNOT_LINK`.
        person: who said so.
        note: the reason, if stated.
    """

    first: str
    second: str
    says: str
    person: str
    note: str = ""


def record_pair_annotation(registry: Registry, annotation: PairAnnotation) -> bool:
    """Append an annotation; one that the same person repeats is skipped.

    Returns:
        Whether it was new.

    Raises:
        InputError: both are one image.
    """
    first, second = sorted((annotation.first, annotation.second))
    if first == second:
        raise InputError(
            f"both name the image {first}: its bytes are the same, and no word can change that; "
            "expected two images"
        )
    annotations = load_pair_annotations(registry)
    about = annotations[(annotations["first"] == first) & (annotations["second"] == second)]
    if [(annotation.says, annotation.person)] == list(
        zip(about["says"], about["person"], strict=True)
    ):
        return False
    with registry.database.transaction() as connection:
        row = {**vars(annotation), "first": first, "second": second, "at": now()}
        connection.execute(sa.insert(schema.copy_word), [row])
    return True


def load_pair_annotations(registry: Registry) -> pd.DataFrame:
    """Load each pair's latest annotation: the columns of `schema.copy_word`, sorted by pair."""
    return registry.database.frame(select_pair_annotations())


def select_pair_annotations() -> sa.Select[tuple[object, ...]]:
    """Select each pair's latest annotation, sorted by pair."""
    table = schema.copy_word
    newest = sa.select(sa.func.max(table.c.word_id)).group_by(table.c.first, table.c.second)
    statement = sa.select(table).where(table.c.word_id.in_(newest))
    return statement.order_by(table.c.first, table.c.second)


def load_cannot_links(registry: Registry) -> set[tuple[str, str]]:
    """Load the pairs whose latest annotation is a cannot-link: (smaller, greater SHA-256)."""
    annotations = load_pair_annotations(registry)
    cannot_links = annotations[annotations["says"] == CANNOT_LINK]
    return set(zip(cannot_links["first"], cannot_links["second"], strict=True))
