"""`verify` on a registry of a million images: seconds and memory, in a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._common import run_benchmark

_ARM = "benchmarks._verify_arm"
_ROOT = Path(__file__).parents[1]
_MILLION = 1_000_000


def measure(quick: bool) -> Mapping[str, Any]:
    """Seconds of `verify` without --blobs, at 2 % labelled images of which 30 % are held out.

    The rest was collected and accepted; one in a hundred is a near-copy. A peer does not exist.
    """
    count = 20_000 if quick else _MILLION
    with tempfile.TemporaryDirectory(prefix="ephyra-verify-") as folder:
        built = _run("build", folder, count)
        sound = _run("verify", folder, count)
        broken = _run("break", folder, count)
    return {
        "ours": {"images": count, "building": built, "sound": sound, "broken": broken},
        "peers": {},
        "ratios": {},
        "goals": {
            "in_10_seconds": sound["seconds"] < 10,
            "in_3_gigabytes": sound["peak_megabytes"] < 3000,
            "a_sound_registry_has_no_breach": sound["breaches"] == [],
            "what_is_planted_is_named": broken["breaches"]
            == ["copy-across-splits", "linked-across-splits", "version-changed"],
        },
    }


def _run(what: str, folder: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", _ARM, what, folder, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    run_benchmark("verify", measure)
