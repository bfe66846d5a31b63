"""Find images that were imported under several classes and that no person has decided on.

Such an image is in no version. It waits in the review queue until a person gives its class.
"""

import sqlalchemy as sa

from data_registry.registry import Registry
from data_registry.storage import schema


def load_label_conflicts(registry: Registry) -> dict[str, tuple[str, ...]]:
    """Load the classes, sorted, of each image with several labels and no annotation, by SHA-256.

    Taken-down images are left out.
    """
    label = schema.label
    several = (
        sa.select(label.c.sha256)
        .group_by(label.c.sha256)
        .having(sa.func.count(label.c.class_name.distinct()) > 1)
    )
    statement = (
        sa.select(label.c.sha256, label.c.class_name)
        .distinct()
        .where(
            label.c.sha256.in_(several),
            label.c.sha256.not_in(sa.select(schema.annotation.c.sha256)),
            label.c.sha256.not_in(sa.select(schema.tombstone.c.sha256)),
        )
    )
    classes: dict[str, list[str]] = {}
    for row in registry.database.rows(statement):
        classes.setdefault(row.sha256, []).append(row.class_name)
    return {sha256: tuple(sorted(classes[sha256])) for sha256 in sorted(classes)}
