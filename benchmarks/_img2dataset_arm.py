"""img2dataset on a list of URLs, re-encoding: run by the Python of `.venv-peers`.

python _img2dataset_arm.py URLS FOLDER
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask a server for its newest version


def _measure_cpu_seconds() -> float:
    """Of this process and of those it has started and waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


if __name__ == "__main__":
    from img2dataset import download

    started, cpu = time.perf_counter(), _measure_cpu_seconds()
    download(
        url_list=sys.argv[1],
        output_folder=sys.argv[2],
        output_format="files",
        processes_count=1,
        thread_count=8,
        image_size=640,
        resize_mode="keep_ratio_largest",
        enable_wandb=False,
    )
    took = {
        "images": sum(1 for _ in Path(sys.argv[2]).rglob("*.jpg")),
        "cpu_seconds": _measure_cpu_seconds() - cpu,
        "seconds": time.perf_counter() - started,
    }
    sys.stdout.write(json.dumps(took) + "\n")
