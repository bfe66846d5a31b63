"""What grouping does with a million images, in a process of its own.

    python -m benchmarks._image_arm IMAGES NEW

Both hashes of IMAGES images in eight orientations, a tenth of them near-copies of others; the last
NEW of them are new (0: all). Prints seconds, CPU-seconds, pairs, the share of planted pairs found,
and memory.
"""

import json
import sys
import time

import numpy as np

from benchmarks._memory import measure_peak_memory
from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.near_duplicates import Fingerprints, find_duplicates_of_new
from data_registry.images.hashing import ORIENTATIONS, OrientedHashes

_PLANTED = 0.1


def _create_images(count: int) -> tuple[Fingerprints, set[tuple[str, str]]]:
    """Create random hashes; the last are, in one orientation, near those of earlier images."""
    rng = np.random.default_rng(count)
    planted = int(_PLANTED * count)
    originals = rng.integers(0, count - planted, planted)
    turn = rng.integers(0, ORIENTATIONS, planted)

    def hashes(flips: int) -> OrientedHashes:
        values = rng.integers(0, 2**64, (count, ORIENTATIONS), dtype=np.uint64)
        near = values[originals, 0]
        for _ in range(flips):
            near ^= np.uint64(1) << rng.integers(0, 64, planted, dtype=np.uint64)
        values[np.arange(count - planted, count), turn] = near
        return values

    names = tuple(f"{place:064x}" for place in range(count))
    radii = Radii()
    images = Fingerprints(names, hashes(radii.phash), hashes(radii.dhash))
    copies = range(count - planted, count)
    return images, {(names[i], names[j]) for i, j in zip(originals, copies, strict=True)}


def _run_arm(count: int, new: int) -> None:
    images, planted = _create_images(count)
    is_new = np.arange(count) >= (count - new if new else 0)
    ours, old = images.select(is_new), images.select(~is_new)
    names = set(ours.sha256)
    wanted = {pair for pair in planted if pair[1] in names}
    started, cpu = time.perf_counter(), time.process_time()
    found = find_duplicates_of_new(ours, old, Radii())
    seconds = {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }
    recall = len(wanted & {pair[:2] for pair in found}) / len(wanted)
    took = {**seconds, "pairs": len(found), "recall_of_planted": recall, **measure_peak_memory()}
    sys.stdout.write(json.dumps({"new": new or count, **took}) + "\n")


if __name__ == "__main__":
    _run_arm(int(sys.argv[1]), int(sys.argv[2]))
