"""Refuse layouts of a labelled set that allow several readings, or none.

A guess would merge classes or lose a split, and every number after it would be about another set.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import PurePosixPath

from data_registry.errors import LabelledSetError
from data_registry.ingest.folder_contents import (
    format_paths,
    may_hold_images,
    select_class_folders,
    select_image_files,
)
from data_registry.ingest.folder_walk import Folder, format_names
from data_registry.ingest.split_names import (
    is_filler,
    parse_split_name,
    parse_split_words,
    split_into_words,
)
from data_registry.text.file_names import normalise_for_comparison
from data_registry.text.wording import count_noun

KNOWN_SPLITS = "train, val (valid, validation, dev, eval) and test (testing, holdout)"
# Folders called so sort the photographs of one class: by time, by number, by the camera.
_NUMBERING = frozenset(
    ("batch", "part", "session", "day", "week", "month", "year", "series", "page", "folder", "dir",
     "camera", "cam", "vol", "chunk")
)  # fmt: skip
_LEAST_SHARED = 2


def find_splits(folders: Sequence[Folder]) -> list[Folder]:
    """Find the folders among these that are called like splits.

    Those whose whole name says so; else those that differ in that word alone, as `flowers_train`
    and `flowers_test` do.
    """
    sure = [folder for folder in folders if parse_split_name(folder.name)]
    if any(map(select_class_folders, sure)):
        return sure
    groups = _group_by_other_words(folders)
    holding = (group for group in groups if any(map(select_class_folders, group)))
    return next(holding, sure)


def refuse_splits_without_classes(splits: Sequence[Folder]) -> None:
    """Refuse splits whose photos have no class."""
    without = [folder for folder in splits if not select_class_folders(folder)]
    if not without:
        return
    files = sum(1 for folder in without for _ in folder.walk_files())
    missing = (
        f"{count_noun(files, 'file')} without a class" if files else "no image in it can be read"
    )
    raise LabelledSetError(
        f"{format_paths(without)} {'holds' if len(without) == 1 else 'hold'} no class folders with "
        f"images: {missing}. Expected {without[0].path}/CLASS/photo.jpg: put each photo into a "
        "folder of its class, or take the folder out"
    )


def refuse_unknown_splits(splits: Sequence[Folder], siblings: Sequence[Folder]) -> None:
    """Refuse folders beside the splits that may be splits too."""
    holding = [folder for folder in splits if select_class_folders(folder)]
    if not holding or not siblings:
        return
    if len({parse_split_words(folder.name).split for folder in splits}) > 1:
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
            f"{format_paths(splits)} {_choose_is_or_are(splits)} called like a split, but "
            f"{format_paths(unknown)} beside {'it' if len(splits) == 1 else 'them'} "
            f"{_choose_is_or_are(unknown)} not. Splits are called {KNOWN_SPLITS}: take "
            f"{format_paths(unknown)} out of the folder, or rename it"
        )


def refuse_splits_in_classes(classes: Sequence[Folder]) -> None:
    """Refuse splits inside a class."""
    inside = [(folder, _find_splits_inside(folder)) for folder in classes]
    found = {split for _, splits in inside for split, _ in splits}
    holding = [(folder, splits) for folder, splits in inside if splits]
    sure = any(len({s for s, _ in splits}) > 1 for _, splits in holding) or len(found) > 1
    sure = sure or any(select_class_folders(each) for _, splits in holding for _, each in splits)
    if not holding or not sure:
        return
    folder, splits = holding[0]
    where = str(PurePosixPath(splits[0][1].path).parent)
    holder = "it" if where == folder.path else where
    raise LabelledSetError(
        f"{folder.path} would be a class, but {holder} holds splits: "
        f"{format_paths([each for _, each in splits])}. Expected train/CLASS/photo.jpg: if {where} "
        "is the labelled set, name that folder; if the splits lie in each class, swap the two "
        "levels (train/CLASS instead of CLASS/train)"
    )


def refuse_one_level_too_high(top: Folder) -> None:
    """Refuse a folder that holds nothing but the folder of the classes."""
    folder = _follow_single_folders(top)
    if folder is top or len(select_class_folders(folder)) < _LEAST_SHARED:
        return
    if find_splits(folder.folders):
        return  # told with the splits' names
    raise LabelledSetError(
        f"{select_class_folders(top)[0].path} would be the only class, but {folder.path} holds "
        f"folders of images: {format_paths(select_class_folders(folder))}. If these are the "
        f"classes, name {folder.path} instead of the folder above it"
    )


def refuse_splits_of_one_class(top: Folder) -> None:
    """Refuse `cat_train` beside `cat_test`: two halves of a class would be two classes."""
    for group in _group_by_other_words(top.folders):
        raise LabelledSetError(
            f"{format_paths(group)} are called like splits of one class or set, and would be "
            f"classes of their own. Expected train/CLASS/photo.jpg: move them below "
            "train, val and test, or rename them"
        )


def refuse_shared_names(holder: Folder) -> None:
    """Refuse classes that hold folders of the same names, as splits of unknown names do."""
    holding = [
        (folder, _collect_class_names(folder))
        for folder in holder.folders
        if not select_image_files(folder)
    ]
    for (_, names), (_, others) in combinations([each for each in holding if each[1]], 2):
        shared = names & others
        if len(shared) >= _LEAST_SHARED:
            alike = [folder for folder, each in holding if len(each & shared) >= _LEAST_SHARED]
            raise LabelledSetError(
                f"{format_paths(alike)} would be classes, but hold folders of the same names: "
                f"{format_names(sorted(shared), most=5)}. If these are the classes, call the "
                "folders above them train, val and test, or put the photos of each class "
                f"together. If they only sort the photos of each class, as adult and juvenile may, "
                "name the classes in [[classes]] of ephyra.toml before `ephyra import`, or run "
                f"`ephyra audit` with --nested; or move the photos up into {alike[0].path}"
            )


def refuse_classes_one_level_lower(holders: Mapping[str, Sequence[Folder]]) -> None:
    """Refuse a split whose only class folder holds the folders of the classes."""
    for split, folders in holders.items():
        elsewhere = set().union(
            *(
                _collect_names(folder)
                for other, them in holders.items()
                if other != split
                for folder in them
            )
        )
        for folder in folders:
            lower = _follow_single_folders(folder)
            classes = select_class_folders(folder)
            is_known = bool(_collect_names(folder) & elsewhere) and len(elsewhere) > 1
            if lower is folder or is_known or len(_collect_class_names(lower)) < _LEAST_SHARED:
                continue
            raise LabelledSetError(
                f"{classes[0].path} would be the only class of {folder.path}, but {lower.path} "
                f"holds folders of images: {format_paths(select_class_folders(lower))}. If these "
                f"are the classes, move them up into {folder.path}"
            )


def refuse_splits_of_other_classes(holders: Mapping[str, Sequence[Folder]]) -> None:
    """Refuse a split that has no class in common with the others."""
    names = {
        split: set().union(*map(_collect_names, folders)) for split, folders in holders.items()
    }
    for split, own in names.items():
        others = set().union(*(each for other, each in names.items() if other != split))
        if others and not own & others:
            raise LabelledSetError(
                f"{format_paths(holders[split])} and the other splits have no class in common: "
                f"{format_names(sorted(own), most=5)} there, "
                f"{format_names(sorted(others), most=5)} in the others. "
                "Expected the same class folders directly in each split: correct "
                "the folders, or remove the split"
            )


def _group_by_other_words(folders: Sequence[Folder]) -> Iterable[list[Folder]]:
    """Yield folders of several splits whose names are alike but for the word of the split."""
    groups: dict[str, list[Folder]] = defaultdict(list)
    for folder in folders:
        name = parse_split_words(folder.name)
        if name.rest and may_hold_images(folder):
            groups[name.rest].append(folder)
    for group in groups.values():
        if len({parse_split_words(folder.name).split for folder in group}) > 1:
            yield group


def _find_splits_inside(folder: Folder) -> list[tuple[str, Folder]]:
    """Find the splits that are the only folders with images in one, or several different ones."""
    holding = select_class_folders(folder)
    splits = [(split, each) for each in holding if (split := parse_split_name(each.name))]
    if splits and (len(splits) == len(holding) or len({split for split, _ in splits}) > 1):
        return splits
    for group in _group_by_other_words(holding):
        return [(parse_split_words(each.name).split, each) for each in group]
    return next(filter(None, map(_find_splits_inside, folder.folders)), [])


def _follow_single_folders(folder: Folder) -> Folder:
    """Find the first folder below, or itself, that holds images or several folders of them."""
    while not select_image_files(folder) and len(inner := select_class_folders(folder)) == 1:
        if select_image_files(inner[0]) or not select_class_folders(inner[0]):
            break
        folder = inner[0]
    return folder


def _collect_names(folder: Folder) -> set[str]:
    return {normalise_for_comparison(each.name) for each in select_class_folders(folder)}


def _collect_class_names(folder: Folder) -> set[str]:
    """Collect the folder names that may be classes, not numbers, dates or `batch 1`."""
    return {
        normalise_for_comparison(each.name)
        for each in select_class_folders(folder)
        if not is_filler(each.name) and set(split_into_words(each.name)) - _NUMBERING
    }


def _choose_is_or_are(folders: Sequence[Folder]) -> str:
    return "is" if len(folders) == 1 else "are"
