"""Create a folder that is either complete or absent."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_registry.errors import InputError, StorageError


def refuse_full_folder(folder: Path) -> None:
    """Refuse a folder that is neither new nor empty.

    Raises:
        InputError: it is a file, or not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a new or empty folder to export to")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty, and an export never mixes with other files: name a new or "
            "empty folder; nothing was written"
        )


@contextmanager
def create_beside(folder: Path) -> Iterator[Path]:
    """Create a hidden folder beside the target; rename it on success, else remove it.

    Raises:
        StorageError: it cannot be written.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # of an export that was killed
        partial.mkdir(parents=True)
        yield partial
        partial.replace(folder)
    except OSError as error:
        raise StorageError(
            f"cannot export to {folder}: {error.strerror or error}. Nothing is left there: make "
            "room or repair access, then run the same command again"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
