"""A person's word on two images: the same, or not the same. Rows are only ever added.

It wins over what any machine found: "not the same" cuts every direct link between the two, "same"
is a link of its own (`data_registry.duplicates.links`).
"""

from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now

MUST_LINK = "same"
CANNOT_LINK = "not the same"


@dataclass(frozen=True)
class PairAnnotation:
    """What a person said of two images.

    Attributes:
        first, second: their SHA-256, in either order.
        says: `MUST_LINK` or `CANNOT_LINK`.
        person: who said so.
        note: why, if they said.
    """

    first: str
    second: str
    says: str
    person: str
    note: str = ""


def record_pair_annotation(registry: Registry, word: PairAnnotation) -> bool:
    """Append a word; the same word of the same person again is passed over.

    Returns:
        Whether it was new.

    Raises:
        InputError: both are one image.
    """
    first, second = sorted((word.first, word.second))
    if first == second:
        raise InputError(
            f"both name the image {first}: its bytes are the same, and no word can change that; "
            "expected two images"
        )
    said = load_pair_annotations(registry)
    about = said[(said["first"] == first) & (said["second"] == second)]
    if [(word.says, word.person)] == list(zip(about["says"], about["person"], strict=True)):
        return False
    with registry.database.transaction() as connection:
        row = {**vars(word), "first": first, "second": second, "at": now()}
        connection.execute(sa.insert(schema.copy_word), [row])
    return True


def load_pair_annotations(registry: Registry) -> pd.DataFrame:
    """The last word on each pair: the columns of `schema.copy_word`, sorted by pair."""
    table = schema.copy_word
    newest = sa.select(sa.func.max(table.c.word_id)).group_by(table.c.first, table.c.second)
    statement = sa.select(table).where(table.c.word_id.in_(newest))
    return registry.database.frame(statement.order_by(table.c.first, table.c.second))


def load_cannot_links(registry: Registry) -> set[tuple[str, str]]:
    """The pairs of which a person's last word is that they are not the same: (smaller, greater)."""
    said = load_pair_annotations(registry)
    parted = said[said["says"] == CANNOT_LINK]
    return set(zip(parted["first"], parted["second"], strict=True))
