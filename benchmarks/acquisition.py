"""Getting 5,000 photographs from a server on loopback: ours beside what a user would pick.

Ours fetches within limits, asks robots.txt, judges addresses, checks every image, hashes it and
writes blobs and rows; the plain loop writes the bytes to files and does none of that.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._common import run_benchmark
from benchmarks._peers import NotInstalledError, install_peers

_ARM = (sys.executable, "-m", "benchmarks._acquisition_arms")
_IMG2DATASET = Path(__file__).with_name("_img2dataset_arm.py")
_LEAST_PER_CPU_SECOND = 300
_LEAST_OF_PLAIN = 0.5


def measure(quick: bool) -> Mapping[str, Any]:
    """Images per CPU-second and per second, of each way in a process of its own."""
    count = 600 if quick else 5000
    with (
        tempfile.TemporaryDirectory(prefix="ephyra-acquisition-") as place,
        _serve_photographs(count) as port,
    ):
        folder = Path(place)
        urls = folder / "urls.txt"
        urls.write_text("".join(f"http://127.0.0.1:{port}/{k}.jpg\n" for k in range(count)))
        ours = _run_arm([*_ARM, "ours"], urls, folder / "ours")
        peers = {
            name: _run_arm([*_ARM, name], urls, folder / name) for name in ("requests", "icrawler")
        }
        peers["img2dataset, re-encoding"] = _run_img2dataset(urls, folder / "img2dataset")
    speed = ours["images_per_cpu_second"]
    ratios = {
        name: round(speed / peer["images_per_cpu_second"], 2)
        for name, peer in peers.items()
        if peer.get("images_per_cpu_second")
    }
    return {
        "images": count,
        "ours": ours,
        "peers": peers,
        "ratios": ratios,
        "goals": {
            "every_image_stored": ours["images"] == count,
            "at_least_300_per_cpu_second": speed >= _LEAST_PER_CPU_SECOND,
            "at_least_half_of_plain_requests": ratios["requests"] >= _LEAST_OF_PLAIN,
            "ahead_of_img2dataset": ratios.get("img2dataset, re-encoding", 0) > 1,
        },
    }


@contextmanager
def _serve_photographs(count: int) -> Iterator[int]:
    """Serve the photographs from another process; yield its port."""
    command = [sys.executable, "-m", "benchmarks._photo_server", str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        assert server.stdin
        yield int(server.stdout.readline())
        server.stdin.close()


def _run_img2dataset(urls: Path, folder: Path) -> dict[str, Any]:
    try:
        python = install_peers("img2dataset", "setuptools")
    except NotInstalledError as error:
        return {"not_installed": str(error)}
    return _run_arm([str(python), str(_IMG2DATASET)], urls, folder)


def _run_arm(command: Sequence[str], urls: Path, folder: Path) -> dict[str, Any]:
    """Run a way to get the images; images, their speed, and the process's peak memory."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            [*command, str(urls), str(folder)], stdout=out, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = out.read().splitlines()
    if process.returncode:
        return {"failed": f"exit code {process.returncode}"}
    took = json.loads(lines[-1])
    return {
        "images": took["images"],
        "images_per_cpu_second": round(took["images"] / took["cpu_seconds"], 1),
        "images_per_second": round(took["images"] / took["seconds"], 1),
        "peak_megabytes": round(used.ru_maxrss / 1000),
    }


if __name__ == "__main__":
    run_benchmark("acquisition", measure)
