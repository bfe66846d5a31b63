"""Compare folders with the classes that they may be, by their names alone."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from data_registry.ingest.folder_contents import has_image_suffix
from data_registry.ingest.folder_walk import UnreadEntry, format_names
from data_registry.ingest.split_names import parse_split_words
from data_registry.text.file_names import HIDDEN, derive_class_name, explain_omission

# Hidden folders in which tools keep copies of photographs.
_TOOLS = frozenset(
    (".thumbnails", ".thumbs", ".cache", ".git", ".dvc", ".svn", ".ipynb_checkpoints", ".trash",
     ".trashes", ".picasaoriginals", ".picasa", ".fseventsd", ".spotlight-v100", ".stversions",
     ".appledouble", ".xvpics", ".comments", ".sync")
)  # fmt: skip
_LEAST_PHOTOS = 2


def holds_only_classes(folder: Path, class_names: Collection[str]) -> bool:
    """Whether all folders in a set, or in each of its splits, are called like known classes.

    Args:
        folder: a labelled set.
        class_names: the known classes.
    """
    names = _list_folder_names(folder)
    if not all(parse_split_words(name).split for name in names):
        return _are_classes(names, class_names)
    return all(_are_classes(_list_folder_names(folder / name), class_names) for name in names)


def note_hidden_classes(
    folder: Path, not_read: Iterable[UnreadEntry], parents: Sequence[str]
) -> list[str]:
    """Name hidden folders beside the classes that hold photos, as a class `.net` would.

    Args:
        folder: the labelled set.
        not_read: what was not read below it.
        parents: paths of the folders that hold the class folders.
    """
    beside = [each.path for each in not_read if each.reason == HIDDEN and each.parent in parents]
    holding = [path for path in beside if _is_like_class(folder / path)]
    if not holding:
        return []
    return [
        f"{format_names(holding)} {'is' if len(holding) == 1 else 'are'} hidden and not read, and "
        "may be a class by the photos inside: if so, rename the folder without the dot"
    ]


def _are_classes(names: Collection[str], class_names: Collection[str]) -> bool:
    return bool(names) and {derive_class_name(name) for name in names} <= set(class_names)


def _list_folder_names(folder: Path) -> list[str]:
    return [
        entry.name for entry in _scan(folder) if entry.is_dir() and not explain_omission(entry.name)
    ]


def _is_like_class(folder: Path) -> bool:
    if folder.name.casefold() in _TOOLS:
        return False
    return sum(has_image_suffix(entry.name) for entry in _scan(folder)) >= _LEAST_PHOTOS


def _scan(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield what lies in a folder; nothing where it is none, or may not be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return
