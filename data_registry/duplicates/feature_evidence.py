"""Find duplicates that hashes miss: feature vectors propose them, geometry confirms them.

Every linked pair was compared point by point (`data_registry.duplicates.geometry`). Comparisons are
stored, failed ones too, so that none is repeated.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import reverse_cuthill_mckee
from threadpoolctl import threadpool_limits

from data_registry.arrays import Float32Array
from data_registry.duplicates.geometry import Agreement, measure_agreement
from data_registry.duplicates.grouping import Link, add_links
from data_registry.duplicates.links import active_links, find_components
from data_registry.duplicates.local_features import METHOD, LocalFeatures, extract_local_features
from data_registry.duplicates.match_thresholds import MatchThresholds
from data_registry.duplicates.nearest_neighbours import find_near_pairs
from data_registry.errors import name_image_in_errors
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now

FEATURES = "features"
SHARD = 256  # comparisons; a killed run loses at most one shard
THREADS = 4
CACHED_IMAGES = 2048  # whose points are held in memory: about 120 kB each

Pair = tuple[str, str]


def link_images_by_features(
    registry: Registry,
    sha256s: Sequence[str],
    features: Float32Array,
    rule: MatchThresholds,
    progress: Progress | None = None,
) -> None:
    """Link images whose feature vectors are near each other and whose points agree.

    Images that hashes or names have linked already are not compared: run those first.

    Args:
        registry: holds the images; receives the links.
        sha256s: n names.
        features: shape (n, d).
        rule: the thresholds that a pair must meet.
        progress: told of every comparison.

    Raises:
        ImageError: an image cannot be decoded.
    """
    progress = progress or SilentProgress()
    with report_phase(progress, "finding neighbours by features", None):
        families = _assign_families(registry, sha256s)
        alike = find_near_pairs(sha256s, features, rule.similarity, rule.neighbours, families)
    distances = {(first, second): distance for first, second, distance in alike}
    found = _load_comparisons(registry)
    missing = [pair for pair in distances if pair not in found]
    for shard in _compare_pairs(registry, missing, progress):
        _store_comparisons(registry, shard)
        found |= shard
    add_links(registry, FEATURES, _select_confirmed(distances, found, rule))


def _select_confirmed(
    distances: dict[Pair, float], found: dict[Pair, Agreement], rule: MatchThresholds
) -> Iterator[Link]:
    for (first, second), distance in distances.items():
        if rule.is_met_by(found[first, second]):
            yield first, second, distance


def _assign_families(registry: Registry, sha256s: Sequence[str]) -> npt.NDArray[np.int64]:
    """Assign a number to each image, equal for images linked by other evidence: shape (n,)."""
    links = active_links(registry)
    links = links[links["method"] != FEATURES]
    # Links to images outside `sha256s` count too: they may connect two inside.
    known = sorted({*sha256s, *links["first"], *links["second"]})
    family = dict(zip(known, find_components(known, links), strict=True))
    return pd.factorize(np.array([family[name] for name in sha256s], dtype=object))[0]


def _build_graph(pairs: Sequence[tuple[int, int]], size: int) -> coo_array:
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    both = np.vstack([ends, ends[:, ::-1]])
    return coo_array((np.ones(len(both)), both.T), shape=(size, size))


# Comparisons


def _load_comparisons(registry: Registry) -> dict[Pair, Agreement]:
    """Load every comparison made with the present method."""
    table = schema.comparison
    statement = sa.select(table).where(table.c.method == METHOD)
    return {
        (row.first, row.second): Agreement(row.points, row.share, row.correlation)
        for row in registry.database.rows(statement)
    }


def _store_comparisons(registry: Registry, compared: dict[Pair, Agreement]) -> None:
    at = now()
    rows = [
        {"first": first, "second": second, "method": METHOD, **vars(found), "at": at}
        for (first, second), found in compared.items()
    ]
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.comparison, rows)


def _compare_pairs(
    registry: Registry, pairs: Sequence[Pair], progress: Progress
) -> Iterator[dict[Pair, Agreement]]:
    """Compare all pairs, shard by shard."""

    @lru_cache(maxsize=CACHED_IMAGES)
    def load_points(name: str) -> LocalFeatures:
        with name_image_in_errors(name):
            return extract_local_features(registry.read_image(name))

    def compare(pair: Pair) -> Agreement:
        return measure_agreement(load_points(pair[0]), load_points(pair[1]))

    ordered = _sort_by_shared_image(pairs)
    with (
        # Small matrix products that each use every core slow each other down fivefold
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(THREADS) as pool,
        report_phase(progress, "comparing", len(ordered)),
    ):
        for start in range(0, len(ordered), SHARD):
            shard = ordered[start : start + SHARD]
            found = dict(zip(shard, pool.map(compare, shard), strict=True))
            progress.advance(len(shard))
            yield found


def _sort_by_shared_image(pairs: Sequence[Pair]) -> list[Pair]:
    """Order the pairs so that those that share an image are near each other."""
    names = sorted({name for pair in pairs for name in pair})
    index = {name: number for number, name in enumerate(names)}
    graph = _build_graph([(index[first], index[second]) for first, second in pairs], len(names))
    order = reverse_cuthill_mckee(graph.tocsr(), symmetric_mode=True) if names else []
    turn = {names[number]: position for position, number in enumerate(order)}
    return sorted(pairs, key=lambda pair: sorted((turn[pair[0]], turn[pair[1]])))
