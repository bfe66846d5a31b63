"""Tell the class folders of a labelled set from its splits.

A folder is a split only if it is called like one, holds class folders, and has no siblings but
splits: a class may be called `train`. What cannot be told is refused, since a guess would change
what the set means (`data_registry.ingest.layout_refusals`).
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from data_registry.ingest import layout_refusals as refusals
from data_registry.ingest.folder_contents import (
    format_paths,
    may_hold_images,
    select_class_folders,
    select_image_files,
)
from data_registry.ingest.folder_walk import Folder, Tree, UnreadEntry
from data_registry.ingest.split_names import is_filler, parse_split_name, parse_split_words
from data_registry.text.file_names import derive_class_name, normalise_for_comparison

# Of smaller copies beside the photographs, which no system names so by itself.
_PREVIEW_NAMES = ("thumbnails", "thumbnail", "thumbs", "thumb", "previews", "originals")
NO_CLASS = "in no class folder"
NO_SPLIT = "beside the splits, without an image"


@dataclass(frozen=True)
class ClassFolder:
    """A folder whose files have one class.

    Attributes:
        split: train, val, test, or empty where the set has no splits.
        folder: with everything below it.
        stated_name: the class, where something else than the folder's name states it.
    """

    split: str
    folder: Folder
    stated_name: str = ""

    @property
    def class_name(self) -> str:
        """The class."""
        return self.stated_name or derive_class_name(self.folder.name)


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


def read_layout(tree: Tree, *, is_nested: bool = False) -> Layout:
    """Tell classes from splits.

    Args:
        tree: everything below the folder.
        is_nested: whether it is known that folders inside classes only sort the photos.

    Raises:
        LabelledSetError: the names allow several readings, or none.
    """
    top = tree.top
    splits = refusals.find_splits(top.folders)
    others = [folder for folder in top.folders if folder not in splits]
    siblings = [folder for folder in others if may_hold_images(folder)]
    refusals.refuse_unknown_splits(splits, siblings)
    if siblings or not splits:
        layout = _read_flat_layout(top, splits, is_nested)
    else:
        layout = _read_split_layout(top, splits, others, is_nested)
    return replace(layout, notes=(*layout.notes, *_note_previews(layout.classes)))


def _read_split_layout(
    top: Folder, splits: Sequence[Folder], others: Sequence[Folder], is_nested: bool
) -> Layout:
    refusals.refuse_splits_without_classes(splits)
    chains = [_follow_wrappers(split) for split in splits]
    holders: dict[str, list[Folder]] = defaultdict(list)
    for split, chain in zip(splits, chains, strict=True):
        holders[parse_split_words(split.name).split].append(chain[-1])
    refusals.refuse_splits_in_classes([each for chain in chains for each in chain[-1].folders])
    refusals.refuse_classes_one_level_lower(holders)
    for chain in () if is_nested else chains:
        refusals.refuse_shared_names(chain[-1])
    refusals.refuse_splits_of_other_classes(holders)
    loose = [
        file for folder in (top, *itertools.chain.from_iterable(chains)) for file in folder.files
    ]
    beside = [
        each
        for chain in chains
        for above, below in itertools.pairwise(chain)
        for each in above.folders
        if each is not below
    ]
    return Layout(
        tuple(
            ClassFolder(split, each)
            for split, folders in holders.items()
            for folder in folders
            for each in folder.folders
        ),
        ("", *(folder.path for chain in chains for folder in chain)),
        (
            *(UnreadEntry(file.path, NO_CLASS) for file in loose),
            *(UnreadEntry(folder.path, NO_SPLIT) for folder in (*others, *beside)),
        ),
        tuple(_note_how_splits_are_read(splits)),
    )


def _follow_wrappers(split: Folder) -> list[Folder]:
    """List the split and the folders below it that only repeat its name or say `images`.

    Kaggle's archives hold train/train/CLASS, and detection sets train/images/CLASS.
    """
    chain = [split]
    while (inner := _find_wrapper(split, chain[-1])) is not None:
        chain.append(inner)
    return chain


def _find_wrapper(split: Folder, folder: Folder) -> Folder | None:
    holding = select_class_folders(folder)
    if len(holding) != 1 or select_image_files(folder):
        return None
    inner = holding[0]
    if select_image_files(inner) or not select_class_folders(inner):
        return None  # a class
    is_named_so = (
        is_filler(inner.name)
        or normalise_for_comparison(inner.name) == normalise_for_comparison(split.name)
        or parse_split_words(inner.name).split == parse_split_words(split.name).split
    )
    return inner if is_named_so else None


def _read_flat_layout(top: Folder, splits: Sequence[Folder], is_nested: bool) -> Layout:
    refusals.refuse_one_level_too_high(top)
    refusals.refuse_splits_in_classes(top.folders)
    refusals.refuse_splits_of_one_class(top)
    if not is_nested:
        refusals.refuse_shared_names(top)
    return Layout(
        tuple(ClassFolder("", folder) for folder in top.folders),
        ("",),
        tuple(UnreadEntry(file.path, NO_CLASS) for file in top.files),
        tuple(_note_classes_called_like_splits(splits)),
    )


def _note_classes_called_like_splits(splits: Sequence[Folder]) -> list[str]:
    notes = []
    for folder in splits:
        below = f"; {format_paths(select_class_folders(folder))} count as {folder.path}"
        notes.append(
            f"{folder.path} is read as a class, since not all folders beside it are splits"
            + (below if folder.folders else "")
        )
    return notes


def _note_previews(classes: Iterable[ClassFolder]) -> list[str]:
    """Name folders inside classes that are called like those of smaller copies."""
    found = [
        below
        for each in classes
        for below in each.folder.folders
        if below.name.strip("_. ").casefold() in _PREVIEW_NAMES
    ]
    if not found:
        return []
    return [
        f"{format_paths(found)} {'is' if len(found) == 1 else 'are'} read as photos of the class; "
        "if they are smaller copies or originals of the others, take them out"
    ]


def _note_how_splits_are_read(splits: Sequence[Folder]) -> list[str]:
    """Name the splits whose names hold another word, and folders that become one split."""
    by_split: dict[str, list[Folder]] = defaultdict(list)
    for folder in splits:
        by_split[parse_split_words(folder.name).split].append(folder)
    return [
        f"{format_paths(folders)} {'is' if len(folders) == 1 else 'together are'} read as the "
        f"split {split}"
        for split, folders in by_split.items()
        if len(folders) > 1 or not parse_split_name(folders[0].name)
    ]
