"""Read the class names of an image folder that Ephyra exported.

A folder cannot be called like every class, so an export escapes what some file system refuses
(`data_registry.export.safe_names`) and states the names themselves in its manifest.
"""

import csv
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from data_registry.csv_files import CsvReader

MANIFEST = "manifest.csv"
CARD = "version.json"
_FILE, _CLASS = "file", "class_name"
_DEPTH = 3  # train/CLASS/SHA256.jpg


def read_exported_names(folder: Path) -> Mapping[str, str]:
    """Read the class of each class folder, by the folder's name; empty for any other folder.

    Args:
        folder: an export, or one of its splits.
    """
    for place in (folder, folder.parent):
        if (place / CARD).is_file() and (place / MANIFEST).is_file():
            return _read_manifest(place / MANIFEST)
    return {}


def _read_manifest(file: Path) -> Mapping[str, str]:
    try:
        reader = CsvReader(file.read_bytes().decode("utf-8-sig"), (_FILE, _CLASS), is_strict=True)
        if not {_FILE, _CLASS} <= set(reader.columns):
            return {}
        rows = [(PurePosixPath(row[_FILE]).parts, row[_CLASS]) for _, row in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}  # edited until it is no manifest: the folders' own names hold
    return {parts[1]: class_name for parts, class_name in rows if len(parts) == _DEPTH}
