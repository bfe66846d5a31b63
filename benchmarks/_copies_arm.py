"""Near-copies in a folder by a peer, in a process of its own.

    python _copies_arm.py ARM FOLDER FOUND

Writes the pairs of files it takes for near-copies to FOUND as JSON; prints the seconds it took.
"""

import json
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

Pairs = list[tuple[str, str]]


def find_by_imagededup(folder: Path) -> Pairs:
    """Find pairs by imagededup's pHash with its default radius, 10 of 64 bits."""
    from imagededup.methods import PHash

    found = PHash(verbose=False).find_duplicates(image_dir=str(folder))
    return [(name, other) for name, others in found.items() for other in others]


def find_by_cleanvision(folder: Path) -> Pairs:
    """Find cleanvision's exact and near duplicates with its defaults."""
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder))
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
    sets = [each for kind in ("exact", "near") for each in lab.info[f"{kind}_duplicates"]["sets"]]
    return [(Path(a).name, Path(b).name) for each in sets for a, b in pairwise(each)]


ARMS: dict[str, Callable[[Path], Pairs]] = {
    "imagededup": find_by_imagededup,
    "cleanvision": find_by_cleanvision,
}

if __name__ == "__main__":
    started = time.perf_counter()
    pairs = ARMS[sys.argv[1]](Path(sys.argv[2]))
    Path(sys.argv[3]).write_text(json.dumps(pairs))
    sys.stdout.write(f"\n{time.perf_counter() - started:.2f}\n")
