"""Combine automatic links with a person's: cannot-links remove links, must-links add them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import sqlalchemy as sa

from data_registry.duplicates.pair_annotations import CANNOT_LINK, MUST_LINK, load_pair_annotations
from data_registry.registry import Registry
from data_registry.storage import schema

PERSON = "person"  # the method of a must-link
_COLUMNS = ["first", "second", "method", "distance", "at"]


def active_links(registry: Registry) -> pd.DataFrame:
    """Load the links that groups are computed from, the closest first.

    Returns:
        Columns first, second (SHA-256, first < second), method, distance and at (ISO 8601).
    """
    table = schema.group_link
    links = registry.database.frame(sa.select(*(table.c[name] for name in _COLUMNS)))
    annotations = load_pair_annotations(registry)
    if len(annotations):
        pairs = pd.MultiIndex.from_frame(links[["first", "second"]])
        cannot_links = pd.MultiIndex.from_frame(
            annotations[annotations["says"] == CANNOT_LINK][["first", "second"]]
        )
        must_links = annotations[annotations["says"] == MUST_LINK][
            ["first", "second", "at"]
        ].assign(method=PERSON, distance=0.0)
        links = pd.concat([links[~pairs.isin(cannot_links)], must_links], ignore_index=True)
    return links.sort_values(["distance", "method", "first", "second"], ignore_index=True)


def find_components(sha256s: Sequence[str], links: pd.DataFrame) -> list[str]:
    """Find connected components: for each image, the smallest SHA-256 that links lead to.

    Args:
        sha256s: n different names, among them every end of a link.
        links: columns first and second.
    """
    if not sha256s:
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    index_of = {sha256: number for number, sha256 in enumerate(sha256s)}
    ends = (links["first"].map(index_of).to_numpy(int), links["second"].map(index_of).to_numpy(int))
    graph = coo_array((np.ones(len(links)), ends), shape=(len(sha256s), len(sha256s)))
    parts = connected_components(graph, directed=False)[1]
    return list(pd.Series(sha256s).groupby(parts).transform("min"))
