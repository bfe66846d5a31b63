"""The links that hold: what machines found, less what a person parted, and what they joined."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import sqlalchemy as sa

from data_registry.duplicates.pair_annotations import CANNOT_LINK, MUST_LINK, load_pair_annotations
from data_registry.registry import Registry
from data_registry.storage import schema

PERSON = "person"  # the method of a link that is a person's word
_COLUMNS = ["first", "second", "method", "distance", "at"]


def active_links(registry: Registry) -> pd.DataFrame:
    """Every link that groups are drawn from, the closest first.

    Returns:
        Columns first, second (SHA-256, first < second), method, distance and at (ISO 8601).
    """
    table = schema.group_link
    links = registry.database.frame(sa.select(*(table.c[name] for name in _COLUMNS)))
    said = load_pair_annotations(registry)
    if len(said):
        pairs = pd.MultiIndex.from_frame(links[["first", "second"]])
        parted = pd.MultiIndex.from_frame(said[said["says"] == CANNOT_LINK][["first", "second"]])
        joined = said[said["says"] == MUST_LINK][["first", "second", "at"]].assign(
            method=PERSON, distance=0.0
        )
        links = pd.concat([links[~pairs.isin(parted)], joined], ignore_index=True)
    return links.sort_values(["distance", "method", "first", "second"], ignore_index=True)


def find_components(sha256s: Sequence[str], links: pd.DataFrame) -> list[str]:
    """For each image the smallest SHA-256 of those that links tie it to, directly or by others.

    Args:
        sha256s: n different names, among them every end of a link.
        links: columns first and second.
    """
    if not sha256s:
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {sha256: index for index, sha256 in enumerate(sha256s)}
    ends = (links["first"].map(place).to_numpy(int), links["second"].map(place).to_numpy(int))
    graph = coo_array((np.ones(len(links)), ends), shape=(len(sha256s), len(sha256s)))
    parts = connected_components(graph, directed=False)[1]
    return list(pd.Series(sha256s).groupby(parts).transform("min"))
