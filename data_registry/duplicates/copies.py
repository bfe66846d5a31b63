"""Find duplicates of one photograph, and rank them.

Only hashes and a must-link make two images duplicates. Other evidence, such as a file's name or
features, shows a series or augmentations: a split must not separate those, but each of them may be
worth keeping.
"""

from collections.abc import Sequence

import pandas as pd
import sqlalchemy as sa

from data_registry.duplicates.links import PERSON, active_links, find_components
from data_registry.labels.class_resolution import NONE_OF_THE_CLASSES, load_current_annotations
from data_registry.registry import Registry
from data_registry.storage import schema

DUPLICATE_METHODS = ("hash", PERSON)


def find_duplicate_sets(registry: Registry) -> dict[str, str]:
    """Map each image that has duplicates to the name of its set, the smallest SHA-256 in it."""
    links = active_links(registry)
    links = links[links["method"].isin(DUPLICATE_METHODS)]
    names = sorted({*links["first"], *links["second"]})
    return dict(zip(names, find_components(names, links), strict=True))


def rank_duplicates(registry: Registry, sha256s: Sequence[str]) -> pd.DataFrame:
    """Order the images so that the best one of each set of duplicates comes first.

    The best one has a label that the user imported; else a class that a person gave it; else a
    stated licence; then the most pixels; then the most bytes. Ties are broken by SHA-256, so the
    order of arrival does not matter.

    Returns:
        Columns sha256 and copies (the name of its set of duplicates; its own where it has none).
    """
    image = schema.image
    pixels = (image.c.width * image.c.height).label("pixels")
    sizes = registry.database.frame(sa.select(image.c.sha256, pixels, image.c.byte_count))
    rows = sizes[sizes["sha256"].isin(sha256s)].copy()
    answers = load_current_annotations(registry)
    answered = answers["sha256"][answers["class_name"] != NONE_OF_THE_CLASSES]
    for name, those in (
        ("labelled", registry.find_labelled_images()),
        ("answered", set(answered)),
        ("licensed", _find_licensed(registry)),
    ):
        rows[name] = rows["sha256"].isin(those)
    columns = ["labelled", "answered", "licensed", "pixels", "byte_count", "sha256"]
    rows = rows.sort_values(columns, ascending=[*[False] * 5, True], ignore_index=True)
    sets = find_duplicate_sets(registry)
    rows["copies"] = [sets.get(name, name) for name in rows["sha256"]]
    return rows[["sha256", "copies"]]


def _find_licensed(registry: Registry) -> set[str]:
    """Find the images for which some source states a licence, whichever it is."""
    source = schema.source
    statement = sa.select(source.c.sha256).where(source.c.licence != "").distinct()
    return {row.sha256 for row in registry.database.rows(statement)}
