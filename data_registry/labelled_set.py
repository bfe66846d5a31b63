"""Reading the layout of a labelled set: ImageFolder, with or without train/valid/test."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from data_registry.errors import ImageError, LabelledSetError
from data_registry.pixels import decode

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
# One image to learn from and one to be measured on.
SMALLEST_CLASS = 2


@dataclass(frozen=True)
class LabelledFile:
    """A file of the set.

    Attributes:
        file: where it lies.
        path: below the set's folder, with slashes.
        class_name: the name of its folder.
        split: train, val, test, or empty where the set has no splits.
    """

    file: Path
    path: str
    class_name: str
    split: str


def scan(folder: Path) -> list[LabelledFile]:
    """Every file of an ImageFolder, sorted by path. Hidden files are passed over.

    Raises:
        LabelledSetError: no such folder, no class folders, a class with one image, or two
            classes whose names differ in case alone.
    """
    if not folder.is_dir():
        raise LabelledSetError(
            f"{folder} is not a folder. Expected one folder a class, or train, valid and test "
            "folders with one folder a class in each"
        )
    files = [found for split, root in _split_roots(folder) for found in _files(folder, root, split)]
    if not files:
        raise LabelledSetError(
            f"{folder} holds no labelled images: {_what_is_there(folder)}. Expected "
            "CLASS/photo.jpg, or train/CLASS/photo.jpg, valid/CLASS/…, test/CLASS/…"
        )
    _refuse_case_twins({file.class_name for file in files})
    _refuse_small_classes(files)
    return files


def _refuse_small_classes(files: Sequence[LabelledFile]) -> None:
    by_class: dict[str, list[LabelledFile]] = defaultdict(list)
    for file in files:
        by_class[file.class_name].append(file)
    small = [name for name, members in by_class.items() if not _has_enough_images(members)]
    if small:
        raise LabelledSetError(
            f"{len(small)} of {len(by_class)} classes have fewer than {SMALLEST_CLASS} images that "
            f"can be decoded: {', '.join(sorted(small))}. Add photos to them, or take their "
            "folders out; nothing was imported"
        )


def _has_enough_images(files: Sequence[LabelledFile]) -> bool:
    """Whether at least `SMALLEST_CLASS` of the files decode; no more are read than needed."""
    usable = (file for file in files if _decodes(file.file))
    return len(list(islice(usable, SMALLEST_CLASS))) == SMALLEST_CLASS


def _decodes(file: Path) -> bool:
    try:
        decode(file.read_bytes())
    except (ImageError, OSError):
        return False
    return True


def _split_roots(folder: Path) -> list[tuple[str, Path]]:
    children = sorted(child for child in folder.iterdir() if child.is_dir())
    splits = [(SPLIT_FOLDERS.get(child.name.lower(), ""), child) for child in children]
    named = [(split, child) for split, child in splits if split]
    # A set with a class called "test" and no train folder is a set without splits.
    return named if any(split == "train" for split, _ in named) else [("", folder)]


def _files(folder: Path, root: Path, split: str) -> list[LabelledFile]:
    return [
        LabelledFile(file, file.relative_to(folder).as_posix(), class_folder.name, split)
        for class_folder in sorted(root.iterdir())
        if class_folder.is_dir() and not class_folder.name.startswith(".")
        for file in sorted(class_folder.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    ]


def _what_is_there(folder: Path) -> str:
    names = sorted(child.name for child in folder.iterdir())
    if not names:
        return "it is empty"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"found {', '.join(names[:3])}{more}"


def _refuse_case_twins(classes: set[str]) -> None:
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in sorted(classes):
        spellings[name.casefold()].append(name)
    twins: Sequence[list[str]] = [names for names in spellings.values() if len(names) > 1]
    if twins:
        listed = "; ".join(" and ".join(names) for names in twins)
        raise LabelledSetError(
            f"these classes differ in upper and lower case alone: {listed}. Give one class one "
            "spelling in every split; nothing was imported"
        )
