"""The most memory that this process has held."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def measure_peak_memory() -> dict[str, int]:
    """`peak_megabytes`, of this process alone.

    Linux tells `getrusage` the greater of a process and of the one it was forked from; the kernel's
    own line begins anew with the program.
    """
    if _STATUS.exists():
        lines = _STATUS.read_text().splitlines()
        (kibibytes,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        return {"peak_megabytes": round(int(kibibytes) * 1024 / 1e6)}
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_megabytes": round(used / 1e6 if sys.platform == "darwin" else used / 1000)}
