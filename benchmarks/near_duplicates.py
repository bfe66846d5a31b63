"""All pairs of 64-bit hashes within 8 bits: ours beside faiss and imagededup."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._common import run_benchmark
from benchmarks._peers import NotInstalledError, install_peers
from data_registry.images.hashing import ORIENTATIONS

RADIUS = 8
_ARMS = Path(__file__).with_name("_hash_arms.py")
_NEW = 10_000
_MILLION = 1_000_000
_CROWD = 0.2  # share of clustered hashes that are one and the same
_PLANTED = 0.01  # share that is another one with up to 8 bits changed
# Queries asked of a peer, and of the exact search that recall is told by, where all take too long.
_SAMPLE = 2000
_CROWDED_SAMPLE = 100  # each finds the crowd anew
_SLOWEST_SAMPLE = 20
_WHOLE_FOR_PEERS = 100_000
_PACKAGES = {"faiss": ("faiss-cpu",), "imagededup": ("imagededup",)}
_FLAT, _MULTI_HASH = "faiss IndexBinaryFlat", "faiss IndexBinaryMultiHash"


def measure(quick: bool) -> Mapping[str, Any]:
    """Seconds, peak memory and recall, each search in a process of its own.

    A peer that would take hours is asked fewer queries (`queries`), from which `seconds_for_all` is
    extrapolated. Ours and imagededup run on one core, faiss on all.
    """
    counts = (10_000,) if quick else (10_000, 100_000, _MILLION)
    cases = [
        (count, kind, turns)
        for count in counts
        for kind in ("uniform", "clustered")
        for turns in (1, ORIENTATIONS)
    ]
    place = Path(tempfile.mkdtemp(prefix="ephyra-hashes-"))
    results = {_name_case(*case): _run_case(place, *case) for case in cases}
    new = _compare_new_images(place, counts[-1])
    largest = results[_name_case(counts[-1], "uniform", 1)]
    eight = results[_name_case(counts[-1], "uniform", ORIENTATIONS)]
    return {
        "radius": RADIUS,
        "found": str(place),  # each search's pairs; `_hashes` makes the hashes again
        "ours": {name: case["ours"] for name, case in results.items()}
        | {"new against all": new}
        | {f"grouping {counts[-1]:,} images": _group_images(counts[-1], 0)}
        | {
            f"grouping new among {counts[-1]:,} images": _group_images(
                counts[-1], counts[-1] // 100
            )
        },
        "peers": {name: case["peers"] for name, case in results.items()},
        "ratios": {
            name: round(peer["seconds_for_all"] / largest["ours"]["seconds"], 1)
            for name, peer in largest["peers"].items()
            if "seconds_for_all" in peer
        },
        "goals": {
            "recall_is_1": all(case["ours"]["recall"] == 1 for case in results.values()),
            "one_orientation_in_10_seconds": largest["ours"]["seconds"] <= 10,
            "one_orientation_in_500_megabytes": largest["ours"]["peak_megabytes"] <= 500,
            "eight_orientations_in_60_seconds": eight["ours"]["seconds"] <= 60,
            "new_against_all_in_1_second": new["seconds"] < 1,
        },
    }


def _name_case(count: int, kind: str, turns: int) -> str:
    return f"{count:,} {kind}, {turns} orientation{'s' if turns > 1 else ''}"


def _run_case(place: Path, count: int, kind: str, turns: int) -> dict[str, Any]:
    folder = place / f"{count}-{kind}-{turns}"
    folder.mkdir()
    file = folder / "hashes.npy"
    np.save(file, _draw_hashes(count, kind, turns))
    sample = _CROWDED_SAMPLE if kind == "clustered" else _SAMPLE
    whole = kind == "uniform" and count * turns <= _WHOLE_FOR_PEERS
    asked = {
        "ours": 0,
        _FLAT: sample,
        _MULTI_HASH: 0 if whole else sample,
        "imagededup": _SLOWEST_SAMPLE,
    }
    took = {arm: _run(arm, file, queries, count) for arm, queries in asked.items()}
    hashes = np.load(file)
    _, truth = took[_FLAT]
    for arm, (result, found) in took.items():
        sampled = hashes[-min(sample, asked[arm] or sample) :]
        if truth is not None and found is not None:
            result["recall"] = _compute_recall(truth, found, sampled)
    file.unlink()
    results = {arm: result for arm, (result, _) in took.items()}
    return {"ours": results.pop("ours"), "peers": results}


def _draw_hashes(count: int, kind: str, turns: int) -> Any:
    """Draw random hashes with planted neighbours; a crowd of equal hashes comes first."""
    rng = np.random.default_rng(count + turns)
    hashes = rng.integers(0, 2**64, (count, turns), dtype=np.uint64)
    if kind == "clustered":
        hashes[: int(_CROWD * count)] = hashes[0]
    planted = int(_PLANTED * count)
    originals = rng.integers(0, count - planted, planted)
    turn = rng.integers(0, turns, planted)
    near = hashes[originals, 0].copy()
    for _ in range(RADIUS):
        near ^= np.uint64(1) << rng.integers(0, 64, planted, dtype=np.uint64)
    hashes[np.arange(count - planted, count), turn] = near
    return hashes


def _compare_new_images(place: Path, count: int) -> dict[str, Any]:
    file = place / "hashes.npy"
    np.save(file, _draw_hashes(count, "uniform", 1))
    took, _ = _run("ours", file, _NEW, count)
    file.unlink()
    return took


def _group_images(count: int, new: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks._image_arm", str(count), str(new)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ARMS.parents[1])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _run(arm: str, file: Path, queries: int, count: int) -> tuple[dict[str, Any], Any]:
    """Run one search: its cost, and the pairs (None where it could not run)."""
    try:
        python = _find_python(arm)
    except NotInstalledError as error:
        return {"not_installed": str(error)}, None
    found = file.with_name(f"{arm}.npy")
    command = [python, str(_ARMS), arm, str(file), str(RADIUS), str(queries), str(found)]
    paths = {**os.environ, "PYTHONPATH": str(_ARMS.parents[1])}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=paths)
    if done.returncode:
        return {"failed": done.stderr[-300:]}, None
    took = json.loads(done.stdout)
    asked = queries or count
    searching = took["seconds"] - took["build_seconds"]
    result = {
        "queries": asked,
        "seconds": round(took["seconds"], 2),
        "cpu_seconds": round(took["cpu_seconds"], 2),
        "seconds_for_all": round(took["build_seconds"] + searching * count / asked, 2),
        "peak_megabytes": took["peak_megabytes"],
    }
    return result, np.load(found)


def _find_python(arm: str) -> str:
    package = arm.split(maxsplit=1)[0]
    return str(install_peers(*_PACKAGES[package])) if package in _PACKAGES else sys.executable


def _compute_recall(truth: Any, found: Any, queries: Any) -> float | None:
    """Compute the share of these queries' true pairs that was found, without equal hashes."""
    asked = set(queries.reshape(-1).tolist())
    wanted = {(a, b) for a, b in truth.tolist() if a in asked}
    hits = {(a, b) for a, b in found.tolist()}
    return round(len(wanted & hits) / len(wanted), 6) if wanted else None


if __name__ == "__main__":
    run_benchmark("near_duplicates", measure)
