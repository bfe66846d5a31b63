"""Drawn photos to try Ephyra with: nothing is fetched, and none shows a real animal."""

from pathlib import Path

from data_registry.progress import SilentProgress
from flows.demo.bay import Bay, Photo, write_labelled_set
from flows.demo.drawing.animals import CLASSES
from flows.demo.web_gallery import QUERIES

GALLERY = "gallery"


def draw_labelled_set(folder: str | Path) -> Path:
    """Draw the labelled set of the demo: four classes in splits, with planted duplicates.

    Returns:
        The folder, with ``train/``, ``valid/`` and ``test/`` in it.
    """
    write_labelled_set(Bay(), Path(folder), SilentProgress())
    return Path(folder)


def draw_found_photos(folder: str | Path, per_class: int = 10) -> Path:
    """Draw photos as a search would find them: a folder for each query.

    Args:
        folder: where to.
        per_class: how many of each class; none of them is in the labelled set.
    """
    bay = Bay()
    for kind in CLASSES:
        query_folder = Path(folder) / QUERIES[kind]
        query_folder.mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            (query_folder / f"{number}.jpg").write_bytes(
                bay.draw_photo(Photo(GALLERY, kind, number))
            )
    return Path(folder)
