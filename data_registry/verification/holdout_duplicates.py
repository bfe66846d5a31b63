"""Find hold-out duplicates from the stored hashes alone, without links or groups.

A million images take seconds: hold-out images are compared with all others once for all versions.
The candidates left are few enough to be compared again for each version.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_registry.duplicates.grouping import load_fingerprints
from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.near_duplicates import Fingerprints, find_duplicates_between
from data_registry.duplicates.pair_annotations import load_cannot_links
from data_registry.errors import StorageError
from data_registry.registry import Registry
from data_registry.versions.leaks import Breach, build_breach
from data_registry.versions.manifest import EXCLUDED, read_columns
from data_registry.versions.published_versions import Version
from data_registry.versions.splits import HELD_OUT
from data_registry.vocabulary import Split


class HoldoutDuplicates:
    """The hold-out images of some versions and their near-duplicates.

    Args:
        registry: holds the hashes.
        versions: whose val and test images count.
        radii: how near hashes must be.
    """

    def __init__(self, registry: Registry, versions: Sequence[Version], radii: Radii) -> None:
        self._registry, self._radii = registry, radii
        self._cannot_links = load_cannot_links(registry)
        every = load_fingerprints(registry)
        held_out = _load_holdout(registry, versions)
        measuring = every.select(_mark_members(every, held_out))
        pairs = find_duplicates_between(measuring, every, radii)
        self._candidates = every.select(
            _mark_members(every, {name for pair in pairs for name in pair[:2]})
        )

    @property
    def cannot_link_count(self) -> int:
        """Number of pairs that are skipped because of a cannot-link."""
        return len(self._cannot_links)

    def find_across_splits(self, version: Version) -> Iterator[Breach]:
        """Find duplicates in different splits of a version.

        Raises:
            StorageError: its manifest is missing or damaged.
        """
        rows = read_columns(self._registry, version.version_hash, ("sha256", "split"))
        split = dict(zip(rows["sha256"].to_pylist(), rows["split"].to_pylist(), strict=True))
        every = self._candidates
        kind = np.array([split.get(name, EXCLUDED) for name in every.sha256])
        for held_out, others in (
            (Split.TEST.value, (Split.VAL.value, Split.TRAIN.value)),
            (Split.VAL.value, (Split.TRAIN.value,)),
        ):
            measuring, rest = every.select(kind == held_out), every.select(np.isin(kind, others))
            pairs = find_duplicates_between(measuring, rest, self._radii)
            found = [pair[0] for pair in pairs if pair[:2] not in self._cannot_links]
            if found:
                detail = f"duplicates of {held_out} images stand in {' or '.join(others)}"
                yield build_breach("copy-across-splits", detail, found)


def _load_holdout(registry: Registry, versions: Sequence[Version]) -> set[str]:
    found: set[str] = set()
    for version in versions:
        try:
            rows = read_columns(registry, version.version_hash, ("sha256", "split"))
        except StorageError:
            continue  # the caller reports it
        measuring = rows.filter(pc.is_in(rows["split"], value_set=pa.array(HELD_OUT)))
        found.update(measuring["sha256"].to_pylist())
    return found


def _mark_members(
    images: Fingerprints, names: set[str]
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.array([name in names for name in images.sha256], dtype=np.bool_)
