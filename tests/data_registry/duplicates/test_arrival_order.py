"""Groups do not depend on which image came first."""

from itertools import permutations
from pathlib import Path

import numpy as np

from data_registry.duplicates.grouping import link_images_by_hashes, load_groups, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.images.records import ImageRecord
from data_registry.registry import Registry
from data_registry.storage.database import now
from data_registry.verification.digest import compute_canonical_digest

UPRIGHT = 2**40 + 7


def image(number: int, phash: list[int]) -> ImageRecord:
    hashes = np.array(phash, dtype=np.uint64)
    return ImageRecord(
        sha256=f"{number:064x}",
        format="jpeg",
        width=64,
        height=64,
        byte_count=100,
        phash=hashes,
        dhash=np.zeros(8, np.uint64),
    )


def turned(number: int, near_bits: int) -> ImageRecord:
    """Draw a picture that is `near_bits` from the upright one turned by 90 degrees, else far."""
    away = np.random.default_rng(number).integers(0, 2**63, 8).tolist()
    away[1] = UPRIGHT ^ ((1 << near_bits) - 1)
    return image(number, away)


def test_groups_and_digest_are_the_same_in_every_order(tmp_path: Path) -> None:
    far = np.random.default_rng(0).integers(0, 2**63, 8).tolist()
    images = [image(0, [UPRIGHT, *far[1:]]), turned(1, 8), image(3, far)]
    digests, groups = set(), []
    for number, order in enumerate(permutations(images)):
        with Registry.open(tmp_path / str(number)) as registry:
            for each in order:
                with registry.database.transaction() as connection:
                    registry.record_images(connection, [each], now())
                link_images_by_hashes(registry, Radii())
                update_groups(registry)
            digests.add(compute_canonical_digest(registry))
            groups.append(load_groups(registry))
    assert len(digests) == 1
    first = images[0].sha256
    assert set(groups[0].values()) == {first, images[2].sha256}
    assert groups[0][images[1].sha256] == first
