"""Find near-duplicates that hashes propose and pixels confirm.

64 bits cannot tell handwritten digits, drawings or round things on white paper apart. Here hashes
only propose: a pair counts if its pixels agree in one of the eight orientations, or if points of
one image are found in the other (`data_registry.duplicates.geometry`).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from data_registry.arrays import Float64Array
from data_registry.duplicates.fine_pixels import (
    FineGrey,
    decode_fine_grey,
    have_different_details,
)
from data_registry.duplicates.grouping import Link, add_links, load_fingerprints
from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.duplicates.near_duplicates import find_near_duplicates
from data_registry.images.hashing import ORIENTATIONS, apply_orientation
from data_registry.images.pixels import decode_stored
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.registry import Registry

if TYPE_CHECKING:
    from data_registry.duplicates.local_features import LocalFeatures

# Other digits of one writer reach 0.985; resized and recompressed photographs 0.995 and more.
LEAST_CORRELATION = 0.99
_SIDE = 32  # pixels a side that are compared
_FLAT = 1.0  # grey levels: an image with less contrast shows nothing
_KEPT = 2048  # small images held in memory
_KEPT_FINE = 128  # of a megabyte each
_THREADS = 4
_METHOD = "hash"

Grey = Float64Array


def link_images_by_confirmed_hashes(
    registry: Registry,
    radii: Radii,
    rule: MatchThresholds,
    progress: Progress | None = None,
) -> int:
    """Link the near-duplicates that pixels confirm.

    Args:
        registry: holds the images; receives the links.
        radii: how near hashes must be to propose a pair.
        rule: thresholds for points, used where pixels do not agree directly, as after a crop.
        progress: told of every pair.

    Returns:
        How many pairs were proposed and not confirmed.
    """
    everything = load_fingerprints(registry)
    proposed = find_near_duplicates(everything, everything, radii)
    confirmed = _confirm_pairs(registry.read_image, proposed, rule, progress or SilentProgress())
    add_links(registry, _METHOD, confirmed)
    return len(proposed) - len(confirmed)


def have_same_pixels(one: Grey, other: Grey) -> bool:
    """Whether two small grey images show the same in one of the eight orientations.

    Args:
        one, other: shape (n, n).
    """
    if min(one.std(), other.std()) < _FLAT:
        return bool(max(one.std(), other.std()) < _FLAT)
    turned = np.stack([apply_orientation(one, turn).reshape(-1) for turn in range(ORIENTATIONS)])
    alike: Grey = np.corrcoef(turned, other.reshape(-1))[-1, :-1]
    return bool(alike.max() >= LEAST_CORRELATION)


def _confirm_pairs(
    read: Callable[[str], bytes],
    proposed: Sequence[Link],
    rule: MatchThresholds,
    progress: Progress,
) -> list[Link]:
    @lru_cache(maxsize=_KEPT)
    def load_grey(name: str) -> Grey:
        return _decode_grey(read(name))

    @lru_cache(maxsize=_KEPT_FINE)
    def load_fine(name: str) -> FineGrey:
        return decode_fine_grey(read(name))

    @lru_cache(maxsize=_KEPT)
    def load_points(name: str) -> "LocalFeatures":
        from data_registry.duplicates.local_features import (
            extract_local_features,  # with OpenCV, only where needed
        )

        return extract_local_features(read(name))

    def confirm(link: Link) -> bool:
        first, second, _ = link
        found = have_same_pixels(load_grey(first), load_grey(second))
        if found and have_different_details(load_fine(first), load_fine(second)):
            found = False  # or cropped by a few pixels: points decide
        if not found:
            from data_registry.duplicates.geometry import measure_agreement

            found = rule.is_met_by(measure_agreement(load_points(first), load_points(second)))
        progress.advance()
        return found

    with report_phase(progress, "confirming", len(proposed)), ThreadPoolExecutor(_THREADS) as pool:
        held = list(pool.map(confirm, proposed))
    return [link for link, kept in zip(proposed, held, strict=True) if kept]


def _decode_grey(data: bytes) -> Grey:
    image = decode_stored(data, least_side=2 * _SIDE).image.convert("L")
    return np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float64)
