"""Tell which folders of a labelled set are classes and which are splits.

A folder is a split only if it is called like one, holds class folders, and has no siblings but
splits: a class may be called `train`. What cannot be told is refused, since a guess would change
what the set means.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from data_registry.errors import LabelledSetError
from data_registry.ingest.folder_walk import Folder, Tree, UnreadEntry, format_names
from data_registry.text.file_names import normalise_for_comparison

_SPLITS = {
    "train": ("train", "training", "trn", "trainval"),
    "val": ("val", "valid", "validation", "validate", "dev", "devel", "development", "eval",
            "evaluation"),
    "test": ("test", "tests", "testing", "tst", "holdout", "heldout"),
}  # fmt: skip
_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}
# As in training_set, val-images, x_train, test2017: what may stand beside the word.
_FILLERS = ("set", "split", "data", "dataset", "images", "image", "imgs", "img", "photos")
_IMAGE_SUFFIXES = frozenset(
    ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "avif",
     "heic", "heif", "jp2", "j2k", "mpo")
)  # fmt: skip
# What often lies beside the classes: notes, tables, annotations, code, archives, films.
_OTHER_SUFFIXES = frozenset(
    ("txt", "md", "rst", "pdf", "html", "htm", "csv", "tsv", "xls", "xlsx", "json", "jsonl", "xml",
     "yaml", "yml", "toml", "ini", "cfg", "log", "py", "ipynb", "sh", "js", "css", "db", "sqlite",
     "npy", "npz", "mat", "pkl", "h5", "hdf5", "parquet", "pt", "pth", "onnx", "safetensors", "zip",
     "tar", "gz", "bz2", "xz", "7z", "rar", "mp4", "avi", "mov", "mkv", "wav", "mp3", "doc", "docx")
)  # fmt: skip
KNOWN_SPLITS = "train, val (valid, validation, dev, eval) and test (testing, holdout)"
NO_CLASS = "in no class folder"
NO_SPLIT = "beside the splits, without an image"


@dataclass(frozen=True)
class ClassFolder:
    """A folder whose files have one class.

    Attributes:
        split: train, val, test, or empty where the set has no splits.
        folder: with everything below it.
    """

    split: str
    folder: Folder


@dataclass(frozen=True)
class Layout:
    """How a labelled set is laid out.

    Attributes:
        classes: the class folders of every split.
        parents: paths of the folders that hold them.
        left_out: files and folders that belong to no class.
        notes: what a person should know about how names were read.
    """

    classes: tuple[ClassFolder, ...]
    parents: tuple[str, ...]
    left_out: tuple[UnreadEntry, ...]
    notes: tuple[str, ...] = ()


def parse_split_name(name: str) -> str:
    """Parse the split that a folder's name stands for: train, val, test, or empty."""
    words = re.findall("[a-z]+", normalise_for_comparison(name))
    joined = "".join(word for word in words if len(word) > 1 and word not in _FILLERS)
    ends = ("", *_FILLERS)
    found = (_SPLIT_OF.get(joined.removesuffix(end), "") for end in ends)
    return next(filter(None, found), "")


def read_layout(tree: Tree) -> Layout:
    """Tell classes from splits.

    Raises:
        LabelledSetError: the names allow several readings, or none.
    """
    top = tree.top
    splits = [folder for folder in top.folders if parse_split_name(folder.name)]
    others = [folder for folder in top.folders if not parse_split_name(folder.name)]
    siblings = [folder for folder in others if may_hold_images(folder)]
    _refuse_unknown_splits(splits, siblings)
    layout = (
        _read_flat_layout(top, splits)
        if siblings or not splits
        else _read_split_layout(top, splits, others)
    )
    _refuse_splits_in_classes(layout)
    return layout


def may_hold_images(folder: Folder) -> bool:
    """Whether a file below the folder may be an image by its name."""
    return any(_read_suffix(each.path) not in _OTHER_SUFFIXES for each in folder.walk_files())


def has_image_suffix(path: str) -> bool:
    """Whether the path has the suffix of an image format."""
    return _read_suffix(path) in _IMAGE_SUFFIXES


def _read_suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lstrip(".").lower()


def _read_split_layout(top: Folder, splits: Sequence[Folder], others: Sequence[Folder]) -> Layout:
    without = [folder for folder in splits if not _select_class_folders(folder)]
    if without:
        files = _count_files(without)
        missing = f"{files} files have no class" if files else "no image in it can be read"
        raise LabelledSetError(
            f"{_format_paths(without)} {'holds' if len(without) == 1 else 'hold'} no class folders "
            f"with images: {missing}. Expected {without[0].path}/CLASS/"
            "photo.jpg: put each photo into a folder of its class, or take the folder out"
        )
    loose = [file for folder in (top, *splits) for file in folder.files]
    return Layout(
        tuple(
            ClassFolder(parse_split_name(split.name), each)
            for split in splits
            for each in split.folders
        ),
        ("", *(split.path for split in splits)),
        (
            *(UnreadEntry(file.path, NO_CLASS) for file in loose),
            *(UnreadEntry(folder.path, NO_SPLIT) for folder in others),
        ),
    )


def _read_flat_layout(top: Folder, splits: Sequence[Folder]) -> Layout:
    _refuse_one_level_too_high(top)
    return Layout(
        tuple(ClassFolder("", folder) for folder in top.folders),
        ("",),
        tuple(UnreadEntry(file.path, NO_CLASS) for file in top.files),
        (*_describe_split_like_classes(splits), *_describe_shared_names(top)),
    )


def _describe_split_like_classes(splits: Sequence[Folder]) -> list[str]:
    return [
        f"{folder.path} is read as a class, since not all folders beside it are splits"
        + (
            f"; {_format_paths(_select_class_folders(folder))} count as {folder.path}"
            if folder.folders
            else ""
        )
        for folder in splits
    ]


def _describe_shared_names(top: Folder) -> list[str]:
    """Describe folders that share names of subfolders: splits, or classes sorted by year."""
    holding = [
        folder for folder in top.folders if _select_class_folders(folder) and not folder.files
    ]
    if len(holding) < 2:
        return []
    shared = set.intersection(
        *({normalise_for_comparison(e.name) for e in f.folders} for f in holding)
    )
    if len(shared) < 2:
        return []
    return [
        f"{_format_paths(holding)} are read as classes, and hold folders of the same names "
        f"({format_names(sorted(shared))}). If these are the classes, call the folders above them "
        "train, val and test"
    ]


def _refuse_unknown_splits(splits: Sequence[Folder], siblings: Sequence[Folder]) -> None:
    """Refuse folders beside splits that look like splits of an unknown name."""
    holding = [folder for folder in splits if _select_class_folders(folder)]
    if not holding or not siblings:
        return
    if len({parse_split_name(folder.name) for folder in splits}) > 1:
        unknown = list(siblings)
    else:
        classes = {
            normalise_for_comparison(each.name) for split in holding for each in split.folders
        }
        unknown = [
            each
            for each in siblings
            if classes & {normalise_for_comparison(f.name) for f in each.folders}
        ]
    if unknown:
        raise LabelledSetError(
            f"{_format_paths(splits)} {_choose_is_or_are(splits)} called like a split, but "
            f"{_format_paths(unknown)} beside "
            f"{'it' if len(splits) == 1 else 'them'} {_choose_is_or_are(unknown)} not. Splits are "
            f"called {KNOWN_SPLITS}: rename {_format_paths(unknown)}, or take it out of the folder"
        )


def _refuse_splits_in_classes(layout: Layout) -> None:
    inside = [(each.folder, _find_splits_inside(each.folder)) for each in layout.classes]
    found = {split for _, splits in inside for split, _ in splits}
    holding = [(folder, splits) for folder, splits in inside if splits]
    sure = any(len({s for s, _ in splits}) > 1 for _, splits in holding) or len(found) > 1
    sure = sure or any(_select_class_folders(each) for _, splits in holding for _, each in splits)
    if not holding or not sure:
        return
    folder, splits = holding[0]
    where = str(PurePosixPath(splits[0][1].path).parent)
    holder = "it" if where == folder.path else where
    raise LabelledSetError(
        f"{folder.path} would be a class, but {holder} holds splits: "
        f"{_format_paths([each for _, each in splits])}. Expected train/CLASS/photo.jpg: if "
        f"{where} is the labelled set, give that folder; if the splits lie in each class, turn the "
        "two levels round (train/CLASS instead of CLASS/train)"
    )


def _find_splits_inside(folder: Folder) -> list[tuple[str, Folder]]:
    """Find splits inside a folder: its only folders with images, or several different ones."""
    holding = [each for each in folder.folders if may_hold_images(each)]
    splits = [(split, each) for each in holding if (split := parse_split_name(each.name))]
    if splits and (len(splits) == len(holding) or len({split for split, _ in splits}) > 1):
        return splits
    return next(filter(None, map(_find_splits_inside, folder.folders)), [])


def _refuse_one_level_too_high(top: Folder) -> None:
    folder = top
    while len(folder.folders) == 1 and not _select_image_files(folder):
        folder = folder.folders[0]
    if folder is top or _select_image_files(folder) or len(_select_class_folders(folder)) < 2:
        return
    if any(parse_split_name(each.name) for each in folder.folders):
        return  # told with the splits' names
    raise LabelledSetError(
        f"{top.folders[0].path} would be the only class, but {folder.path} holds folders of "
        f"images: {_format_paths(_select_class_folders(folder))}. If these are the classes, give "
        f"{folder.path} instead of the folder above it"
    )


def _select_class_folders(folder: Folder) -> list[Folder]:
    return [each for each in folder.folders if may_hold_images(each)]


def _select_image_files(folder: Folder) -> list[str]:
    return [each.path for each in folder.files if has_image_suffix(each.path)]


def _count_files(folders: Iterable[Folder]) -> int:
    return sum(1 for folder in folders for _ in folder.walk_files())


def _format_paths(folders: Sequence[Folder]) -> str:
    return format_names([folder.path for folder in folders], most=5)


def _choose_is_or_are(folders: Sequence[Folder]) -> str:
    return "is" if len(folders) == 1 else "are"
