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

from benchmarks._common import main
from benchmarks._peers import NotInstalledError, peer_python
from data_registry.hashing import ORIENTATIONS

RADIUS = 8
_ARMS = Path(__file__).with_name("_hash_arms.py")
_NEW = 10_000
_MILLION = 1_000_000
_CROWD = 0.2  # share of clustered hashes that are one and the same
_PLANTED = 0.01  # share that is another one with up to 8 bits changed
# Queries asked of a peer, and of the exact search that recall is told by, where all take too long.
_SAMPLE = 2000
_CROWDED_SAMPLE = 100  # each finds the crowd anew
_TREE_SAMPLE = 20
_WHOLE_FOR_PEERS = 100_000
_PACKAGES = {"faiss": ("faiss-cpu",), "imagededup": ("imagededup",)}


def measure(quick: bool) -> Mapping[str, Any]:
    """Seconds, peak memory and recall, each search in a process of its own."""
    counts = (10_000,) if quick else (10_000, 100_000, _MILLION)
    cases = [
        (count, kind, turns)
        for count in counts
        for kind in ("uniform", "clustered")
        for turns in (1, ORIENTATIONS)
    ]
    with tempfile.TemporaryDirectory(prefix="ephyra-hashes-") as place:
        results = {
            f"{count:,} {kind}, {turns} orientations": _case(Path(place), count, kind, turns)
            for count, kind, turns in cases
        }
        new = _new_against_all(Path(place), counts[-1])
    largest = results[f"{counts[-1]:,} uniform, 1 orientations"]
    eight = results[f"{counts[-1]:,} uniform, {ORIENTATIONS} orientations"]
    return {
        "radius": RADIUS,
        "ours": {name: case["ours"] for name, case in results.items()} | {"new against all": new},
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


def _case(place: Path, count: int, kind: str, turns: int) -> dict[str, Any]:
    file = place / "hashes.npy"
    np.save(file, _hashes(count, kind, turns))
    sample = _CROWDED_SAMPLE if kind == "clustered" else _SAMPLE
    exact, truth = _run("faiss IndexBinaryFlat", file, sample, count)
    ours, found = _run("ours", file, 0, count)
    ours["recall"] = _recall(truth, found, np.load(file)[-sample:])
    peers = {"faiss IndexBinaryFlat": exact}
    whole = kind == "uniform" and count * turns <= _WHOLE_FOR_PEERS
    multihash, hits = _run("faiss IndexBinaryMultiHash", file, 0 if whole else sample, count)
    if hits is not None:
        multihash["recall"] = _recall(truth, hits, np.load(file)[-sample:])
    peers["faiss IndexBinaryMultiHash"] = multihash
    if count < _MILLION:  # building the tree of a million takes longer than all the rest
        peers["imagededup BK-tree"] = _run("imagededup BK-tree", file, _TREE_SAMPLE, count)[0]
    return {"ours": ours, "peers": peers}


def _hashes(count: int, kind: str, turns: int) -> Any:
    """Random hashes with planted neighbours; the crowd, where there is one, comes first."""
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


def _new_against_all(place: Path, count: int) -> dict[str, Any]:
    file = place / "hashes.npy"
    np.save(file, _hashes(count, "uniform", 1))
    took, _ = _run("ours", file, _NEW, count)
    return took


def _run(arm: str, file: Path, queries: int, count: int) -> tuple[dict[str, Any], Any]:
    """One search: what it took, and the pairs it found (None where it could not run)."""
    try:
        python = _python(arm)
    except NotInstalledError as error:
        return {"not_installed": str(error)}, None
    found = file.with_name("found.npy")
    command = [python, str(_ARMS), arm, str(file), str(RADIUS), str(queries), str(found)]
    paths = {**os.environ, "PYTHONPATH": str(_ARMS.parents[1])}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=paths)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode:
            return {"failed": err.read()[-300:]}, None
        took = json.loads(out.read())
    asked = queries or count
    searching = took["seconds"] - took["build_seconds"]
    result = {
        "queries": asked,
        "seconds": round(took["seconds"], 2),
        "seconds_for_all": round(took["build_seconds"] + searching * count / asked, 2),
        "peak_megabytes": round(used.ru_maxrss / 1000),
    }
    return result, np.load(found)


def _python(arm: str) -> str:
    package = arm.split(maxsplit=1)[0]
    return str(peer_python(*_PACKAGES[package])) if package in _PACKAGES else sys.executable


def _recall(truth: Any, found: Any, queries: Any) -> float | None:
    """Of the true pairs of the sampled queries, the share that was found."""
    if truth is None:
        return None
    asked = set(queries.reshape(-1).tolist())
    hits = {(a, b) for a, b in found.tolist() if a in asked}
    wanted = {(a, b) for a, b in truth.tolist()}
    return round(len(wanted & hits) / len(wanted), 6)


if __name__ == "__main__":
    main("near_duplicates", measure)
