"""Run alone: decode files by six threads at once, and print the peak of memory in megabytes."""

import io
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bad_pictures import large_png
from PIL import Image

from data_registry.errors import ImageError
from data_registry.images.image_limits import DEFAULT_LIMITS
from data_registry.images.pixels import decode, decode_stored
from data_registry.images.thumbnail_decode import decode_thumbnail_file

SIDE = 7000
WAYS = {
    "survey": lambda data: decode_thumbnail_file(data, DEFAULT_LIMITS),
    "decode": decode,
    "stored": decode_stored,
}


def made(kind: str) -> bytes:
    if kind in ("L", "RGB", "RGBA"):
        return large_png(SIDE, kind)
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (200, 30, 90)).save(buffer, kind)
    return buffer.getvalue()


def peak_megabytes() -> float:
    """Of this process alone: what `getrusage` says begins with the peak of who started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS: bytes
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main(way: str, file: str) -> None:
    data = Path(file).read_bytes()

    def work(_: int) -> str:
        try:
            return str(WAYS[way](data).width)
        except ImageError as error:
            return error.outcome

    with ThreadPoolExecutor(6) as pool:
        outcomes = set(pool.map(work, range(6)))
    sys.stdout.write(f"{peak_megabytes():.0f} {' '.join(sorted(outcomes))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
