"""Seconds until the command line has answered what needs no model."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from benchmarks._common import run_benchmark

EPHYRA = Path(sys.executable).with_name("ephyra")
WRONG_USAGE_SECONDS = 1.0
STATUS_SECONDS = 1.5
CASES = {
    "help": (["--help"], WRONG_USAGE_SECONDS),
    "wrong usage": (["label", "--threshold", "95"], WRONG_USAGE_SECONDS),
    "audit /nope": (["audit", "/nope"], WRONG_USAGE_SECONDS),
    "predict outside a project": (["predict", "photo.jpg"], WRONG_USAGE_SECONDS),
    "status": (["status"], STATUS_SECONDS),
}


def measure(quick: bool) -> Mapping[str, Any]:
    """Run `ephyra --help`, wrong usage and `status`: wall clock, and seconds of CPU.

    On a busy machine the wall clock says little; the goals are about a quiet one.
    """
    with tempfile.TemporaryDirectory() as place:
        outside, project = Path(place), Path(place, "bay")
        subprocess.run([EPHYRA, "init", project], check=True, capture_output=True)
        found = {
            name: _compute_median(
                arguments, project if name == "status" else outside, 3 if quick else 9
            )
            for name, (arguments, _) in CASES.items()
        }
    return {
        "ours": found,
        "goals": {
            f"{name} under {limit:g} s": found[name]["seconds"] < limit
            for name, (_, limit) in CASES.items()
        },
    }


def _compute_median(arguments: list[str], folder: Path, runs: int) -> dict[str, float]:
    """Compute the median of some runs, after one that fills the disk's cache."""
    timed = [_time_command(arguments, folder) for _ in range(runs + 1)][1:]
    wall, cpu = zip(*timed, strict=True)
    return {
        "seconds": round(statistics.median(wall), 2),
        "cpu_seconds": round(statistics.median(cpu), 2),
    }


def _time_command(arguments: list[str], folder: Path) -> tuple[float, float]:
    before, started = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([EPHYRA, *arguments], cwd=folder, check=False, capture_output=True)
    wall, after = time.perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    run_benchmark("startup", measure)
