"""The demo's folder, checked before any slow library is loaded."""

from pathlib import Path

from data_registry.errors import InputError


def refuse_used_folder(folder: Path) -> None:
    """Refuse a folder that is neither new nor empty.

    Raises:
        InputError: it is a file, or not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty: name a new folder, or leave --keep out")
