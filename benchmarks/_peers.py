"""Packages to compare with, in a virtual environment of their own: `.venv-peers`."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1] / ".venv-peers"


class NotInstalledError(Exception):
    """A peer cannot be installed; the message is the reason, to be listed beside it."""


def install_peers(*packages: str) -> Path:
    """Install packages into `.venv-peers`, created if missing; return its Python.

    Raises:
        NotInstalledError: one of them cannot be installed here.
    """
    python = _FOLDER / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(_FOLDER)])
        _run([str(python), "-m", "pip", "install", "--quiet", "uv"])
    _run([str(python), "-m", "uv", "pip", "install", "--quiet", *packages], python)
    return python


def _run(command: Sequence[str], python: Path | None = None) -> None:
    where = ["--python", str(python)] if python else []
    done = subprocess.run([*command, *where], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotInstalledError(done.stderr.strip()[-300:] or f"exit code {done.returncode}")
