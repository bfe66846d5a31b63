"""Real photographs: what the patterns and hashes find, and what they must not."""

from pathlib import Path

import numpy as np
import pytest

from data_registry.duplicates.grouping import (
    GroupSummary,
    link_images_by_hashes,
    link_images_by_names,
    update_groups,
)
from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.near_duplicates import Fingerprints, find_near_duplicates
from data_registry.errors import ImageError
from data_registry.images.image_record import build_image_record
from data_registry.images.pixels import decode
from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry
from data_registry.verification.verify import verify
from data_registry.versions.draft import IN_TEST_GROUP, IN_VAL_GROUP
from data_registry.versions.published_versions import Version
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits

pytestmark = pytest.mark.real_data


def jellyfish(registry: Registry, shared: Path, hashes: bool) -> tuple[GroupSummary, Version]:
    import_folder(registry, shared / "data" / "jellyfish")
    link_images_by_names(registry, ["aug-N-SRC"])
    if hashes:
        link_images_by_hashes(registry, Radii())
    groups = update_groups(registry)
    assign_splits(registry, SplitSettings())
    return groups, publish(registry, {})


def test_the_name_pattern_alone_excludes_nothing(registry: Registry, shared: Path) -> None:
    groups, version = jellyfish(registry, shared, hashes=False)
    assert groups.links == {"name": 581}  # every augmented file finds its source
    assert version.card["splits"] == {"test": 40, "train": 900, "val": 39}
    assert version.card["excluded"] == {}


def test_with_hashes_the_copies_across_splits_are_excluded(
    registry: Registry, shared: Path
) -> None:
    _, version = jellyfish(registry, shared, hashes=True)
    assert version.card["splits"] == {"test": 40, "train": 881, "val": 39}
    assert version.card["excluded"] == {IN_TEST_GROUP: 11, IN_VAL_GROUP: 8}
    assert verify(registry, Radii(), blobs=True).breaches == ()


def fingerprints(files: list[Path]) -> Fingerprints:
    records = [
        build_image_record(data, decode(data)) for data in (file.read_bytes() for file in files)
    ]
    return Fingerprints(
        tuple(file.name for file in files),
        np.stack([record.phash for record in records]),
        np.stack([record.dhash for record in records]),
    )


@pytest.mark.parametrize("folder", ["pdq_bridge_mods", "pdq_dihedral"])
def test_edits_and_turns_of_one_photograph_hang_together(shared: Path, folder: str) -> None:
    found = fingerprints(sorted((shared / "data" / "neardup" / folder).iterdir()))
    pairs = find_near_duplicates(found, found, Radii())
    component = {name: name for name in found.sha256}
    for _ in found.sha256:
        for first, second, _ in pairs:
            component[first] = component[second] = min(component[first], component[second])
    assert len(set(component.values())) == 1


def test_different_photographs_do_not(shared: Path) -> None:
    found = fingerprints(sorted((shared / "data" / "neardup" / "pdq_labelme_distinct").iterdir()))
    assert find_near_duplicates(found, found, Radii()) == []


def test_the_corrupt_file_is_named(shared: Path) -> None:
    with pytest.raises(ImageError):
        decode((shared / "data" / "neardup" / "ukbench" / "ukbench09268_corrupt.jpg").read_bytes())
