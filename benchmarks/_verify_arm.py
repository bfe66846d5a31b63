"""One step of the benchmark `verify`, in a process of its own, so that its memory is its own.

    python -m benchmarks._verify_arm build|verify|break FOLDER IMAGES

`build` writes a registry and publishes a version; `break` lets copies of test images into train, in
the stored manifest, and verifies again. Prints seconds, CPU-seconds, memory and the broken rules.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks._memory import measure_peak_memory
from benchmarks._synthetic_registry import write_registry
from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.registry import Registry
from data_registry.verification.verify import verify
from data_registry.versions.draft import IN_TEST_GROUP
from data_registry.versions.manifest import EXCLUDED, read_manifest, write_manifest
from data_registry.versions.published_versions import find_newest_version
from data_registry.versions.publishing import publish


def _build(folder: Path, count: int) -> list[str]:
    with write_registry(folder, count) as registry:
        link_images_by_hashes(registry, Radii())
        update_groups(registry)
        publish(registry, {})
    return []


def _break(registry: Registry) -> None:
    """Put an image back into train that was excluded because of a test image."""
    version = find_newest_version(registry)
    assert version is not None
    rows = read_manifest(registry, version.version_hash)
    yielding = (rows["split"] == EXCLUDED) & (rows["reason"] == IN_TEST_GROUP)
    back = rows.assign(split=rows["split"].mask(yielding, "train"), group_id=rows["sha256"])
    write_manifest(registry, version.version_hash, back)


def _verify(folder: Path) -> list[str]:
    with Registry.open(folder) as registry:
        return sorted(item.rule for item in verify(registry, Radii()).breaches)


def _run_arm(what: str, folder: Path, count: int) -> None:
    if what == "break":
        with Registry.open(folder) as registry:
            _break(registry)
    started, cpu = time.perf_counter(), time.process_time()
    broken = _build(folder, count) if what == "build" else _verify(folder)
    took = {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }
    sys.stdout.write(json.dumps({**took, **measure_peak_memory(), "breaches": broken}) + "\n")


if __name__ == "__main__":
    _run_arm(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
