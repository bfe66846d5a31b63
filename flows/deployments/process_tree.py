"""The descendants of a process, in any process group: Prefect gives each flow run its own."""

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

_PROCESSES = Path("/proc")
_ENDED = "Z"


def list_descendants(roots: Collection[int]) -> set[int]:
    """List all descendants of these processes, without the processes themselves."""
    parents = _read_parents()
    found: set[int] = set()
    while new := {pid for pid, up in parents.items() if up in found or up in roots} - found:
        found |= new
    return found - set(roots)


def select_running(processes: Collection[int]) -> set[int]:
    """Select the processes that have not ended."""
    return set(processes) & _read_parents().keys()


def _read_parents() -> Mapping[int, int]:
    """Read the parent of each running process."""
    if not (_PROCESSES / "self/stat").exists():  # no Linux
        listing = subprocess.run(["ps", "-Ao", "pid=,stat=,ppid="], capture_output=True, check=True)
        rows = [line.split() for line in listing.stdout.decode().splitlines()]
        return {int(pid): int(up) for pid, state, up in rows if not state.startswith(_ENDED)}
    found = (_read_status(folder) for folder in _PROCESSES.iterdir() if folder.name.isdigit())
    return {pid: parent for pid, state, parent in filter(None, found) if state != _ENDED}


def _read_status(folder: Path) -> tuple[int, str, int] | None:
    """Read a process's id, state and parent; None where it has ended."""
    try:
        text = (folder / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = text.rpartition(")")[2].split()[:2]  # after the name, which may hold anything
    return int(folder.name), state, int(parent)
