"""What every benchmark needs: arguments, the setup, and one JSON object at the end."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Measure = Callable[[bool], Mapping[str, Any]]


def find_shared_folder() -> Path | None:
    """Find the folder of the real photographs; None where it is missing."""
    place = Path(os.environ.get("EPHYRA_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    return place if place.is_dir() else None


def describe_machine() -> dict[str, Any]:
    """Describe the machine: cores, load before the run, versions."""
    return {
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "system": platform.system(),
    }


def run_benchmark(name: str, measure: Measure) -> None:
    """Run a benchmark from the command line.

    Args:
        name: of the benchmark.
        measure: given whether to be quick, returns ours, peers, ratios, goals (name to truth).
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=measure.__doc__
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--quick", action="store_true", help="a smaller run, under a minute")
    given = parser.parse_args()
    before = describe_machine()
    found = dict(measure(given.quick))
    goals = found.get("goals", {})
    result = {"name": name, "setup": before, **found, "met": all(goals.values()) if goals else None}
    sys.stdout.write(json.dumps(result, indent=None if given.json else 2, default=str) + "\n")
