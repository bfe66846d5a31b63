"""Read a labelled set: an ImageFolder, with or without train/valid/test."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from data_registry.errors import ImageError, LabelledSetError
from data_registry.images.image_limits import DEFAULT_LIMITS, ImageLimits, read_image_file
from data_registry.images.thumbnail_decode import decode_thumbnail_file
from data_registry.ingest.class_folders import note_hidden_classes
from data_registry.ingest.exported_names import read_exported_names
from data_registry.ingest.folder_contents import format_paths, has_image_suffix, may_be_image
from data_registry.ingest.folder_walk import (
    LOST,
    Tree,
    UnreadEntry,
    describe_unread_entries,
    format_names,
    read_tree,
)
from data_registry.ingest.set_layout import ClassFolder, Layout, read_layout
from data_registry.text.file_names import (
    escape_file_name,
    explain_unusable_class_name,
    normalise_for_comparison,
)
from data_registry.text.wording import count_noun

# One image to learn from and one to be measured on.
SMALLEST_CLASS = 2


@dataclass(frozen=True)
class LabelledFile:
    """A file of the set.

    Attributes:
        file: where it lies.
        path: below the set's folder, with slashes, as text (`escape_file_name`).
        class_name: the name of its folder, see `derive_class_name`; of our own export, the class
            that its manifest states.
        split: train, val, test, or empty where the set has no splits.
    """

    file: Path
    path: str
    class_name: str
    split: str


@dataclass(frozen=True)
class LabelledSet:
    """What a folder holds.

    Attributes:
        files: sorted by path.
        not_read: entries below the folder that are none of them, and why.
        notes: how names were read, where that is worth a look.
    """

    files: tuple[LabelledFile, ...]
    not_read: tuple[UnreadEntry, ...]
    notes: tuple[str, ...]


def read_labelled_set(
    folder: Path, limits: ImageLimits = DEFAULT_LIMITS, *, is_nested: bool = False
) -> LabelledSet:
    """Read every file of an ImageFolder, and list the entries that are none. Follows links.

    Args:
        folder: one folder a class, with or without train/valid/test above them.
        limits: what a file may be.
        is_nested: whether it is known that folders inside classes only sort the photos.

    Raises:
        LabelledSetError: no such folder, no class folders; a layout that allows several readings;
            a class or split that cannot be opened or is empty; a class with one image; two
            classes whose names can hardly be told apart.
    """
    if not folder.is_dir():
        raise LabelledSetError(
            f"{escape_file_name(str(folder))} is not a folder. Expected one folder a class, or "
            "train, valid and test folders with one folder a class in each"
        )
    tree = read_tree(folder, LabelledSetError)
    _refuse_lost_folders(tree.not_read, ("",))
    layout = _restore_class_names(read_layout(tree, is_nested=is_nested), folder)
    _refuse_lost_folders(tree.not_read, layout.parents)
    files = sorted(_list_files(layout), key=lambda file: file.path)
    if not files:
        raise LabelledSetError(_describe_missing_images(folder, tree))
    _refuse_similar_names(layout)
    _refuse_empty_classes(layout)
    _refuse_small_classes(files, layout, tree.not_read, limits)
    by_path = {entry.path: entry for entry in (*layout.left_out, *tree.not_read)}
    not_read = tuple(by_path[path] for path in sorted(by_path))
    notes = (*layout.notes, *note_hidden_classes(folder, tree.not_read, layout.parents))
    return LabelledSet(tuple(files), not_read, notes)


def _restore_class_names(layout: Layout, folder: Path) -> Layout:
    """Give the class folders of our own export the names that its manifest states."""
    names = read_exported_names(folder)
    classes = (
        replace(each, stated_name=names.get(each.folder.name, "")) for each in layout.classes
    )
    return replace(layout, classes=tuple(classes)) if names else layout


def _list_files(layout: Layout) -> Iterable[LabelledFile]:
    for each in layout.classes:
        for file in each.folder.walk_files():
            yield LabelledFile(file.file, file.path, each.class_name, each.split)


def _refuse_lost_folders(not_read: Sequence[UnreadEntry], parents: Sequence[str]) -> None:
    """Refuse a set with a class or split that cannot be read, instead of ignoring it."""
    lost = [
        entry
        for entry in not_read
        if entry.parent in parents and entry.reason in LOST and not has_image_suffix(entry.path)
    ]
    if lost:
        raise LabelledSetError(
            f"{len(lost)} of the classes or splits cannot be read: "
            f"{format_names([f'{entry.path} ({entry.why})' for entry in lost], most=5)}. "
            "Without them the set would be another one: repair or remove them; "
            "nothing was read"
        )


def _refuse_small_classes(
    files: Sequence[LabelledFile],
    layout: Layout,
    not_read: Sequence[UnreadEntry],
    limits: ImageLimits,
) -> None:
    by_class: dict[str, list[LabelledFile]] = defaultdict(list)
    for each in layout.classes:
        by_class.setdefault(each.class_name, [])
    for file in files:
        by_class[file.class_name].append(file)
    small = sorted(name for name, members in by_class.items() if not _has_enough(members, limits))
    if small:
        reasons = [_explain_small_class(name, by_class[name], limits) for name in small]
        raise LabelledSetError(
            f"{len(small)} of {len(by_class)} classes have fewer than {SMALLEST_CLASS} images that "
            f"can be decoded: {', '.join(small)}. {_advise(reasons)}; nothing was imported"
            f"{''.join(map(_format_line, filter(None, reasons)))}{_format_unread_lines(not_read)}"
        )


def _advise(reasons: Sequence[str]) -> str:
    if any(reasons):
        return "Mend or convert the files named below, add photos, or take the folders out"
    return "Add photos to them, or take their folders out"


def _format_line(text: str) -> str:
    return f"\n{text}"


def _explain_small_class(name: str, files: Sequence[LabelledFile], limits: ImageLimits) -> str:
    """Name the first file that cannot be decoded, and why; empty where there is none."""
    for file in files:
        try:
            decode_thumbnail_file(read_image_file(file.file, limits.max_bytes), limits)
        except ImageError as error:
            count = count_noun(len(files), "file")
            kind = "" if may_be_image(file.path) else " (annotations or other files, no photos)"
            return f"{name}: {count}{kind}; {file.path} cannot be read: {error}"
    return ""


def _refuse_empty_classes(layout: Layout) -> None:
    """Refuse a class that has photos in one split and an empty folder in another."""
    holding = {each.class_name for each in layout.classes if any(each.folder.walk_files())}
    empty = [
        each.folder
        for each in layout.classes
        if each.class_name in holding and not any(each.folder.walk_files())
    ]
    if empty:
        raise LabelledSetError(
            f"{format_paths(empty)} {'is' if len(empty) == 1 else 'are'} empty, but the class has "
            "photos in another split. Put the photos there, or take the folder out; nothing was "
            "imported"
        )


def _has_enough(files: Sequence[LabelledFile], limits: ImageLimits) -> bool:
    """Whether at least `SMALLEST_CLASS` of the files decode; no more are read than needed."""
    usable = (file for file in files if _is_decodable(file.file, limits))
    return len(list(islice(usable, SMALLEST_CLASS))) == SMALLEST_CLASS


def _is_decodable(file: Path, limits: ImageLimits) -> bool:
    try:
        decode_thumbnail_file(read_image_file(file, limits.max_bytes), limits)
    except ImageError:
        return False
    return True


def _describe_missing_images(folder: Path, tree: Tree) -> str:
    names = [each.path for each in tree.top.folders] + [each.path for each in tree.top.files]
    there = f"found {format_names(sorted(names))}" if names else "it is empty"
    return (
        f"{escape_file_name(str(folder))} holds no labelled images: {there}. Expected "
        "CLASS/photo.jpg, or train/CLASS/photo.jpg, "
        f"valid/CLASS/…, test/CLASS/…{_format_unread_lines(tree.not_read)}"
    )


def _format_unread_lines(not_read: Sequence[UnreadEntry]) -> str:
    return "".join(f"\n{line}" for line in describe_unread_entries(not_read))


def _refuse_similar_names(layout: Layout) -> None:
    """Refuse two folders of one split, or two classes, whose names look the same."""
    _refuse_nameless(layout.classes)
    beside: dict[tuple[str, str], list[str]] = defaultdict(list)
    spellings: dict[str, set[str]] = defaultdict(set)
    for each in layout.classes:
        name = each.stated_name or each.folder.name
        parent = each.folder.path.rpartition("/")[0]
        beside[parent, normalise_for_comparison(name)].append(each.folder.path)
        spellings[normalise_for_comparison(name)].add(each.class_name)
    alike = [paths for paths in beside.values() if len(paths) > 1]
    alike = alike or [sorted(names) for names in spellings.values() if len(names) > 1]
    if alike:
        raise LabelledSetError(
            f"{_describe_similar_names(alike)}. Give one class one spelling in every split; "
            "nothing was imported"
        )


def _describe_similar_names(alike: Sequence[Sequence[str]]) -> str:
    if all(len({name.lower() for name in names}) == 1 for names in alike):
        listed = "; ".join(" and ".join(names) for names in alike)
        return f"these classes differ in upper and lower case alone: {listed}"
    listed = "; ".join(" and ".join(map(ascii, names)) for names in alike)
    return (
        "these class names can hardly be told apart (by spaces, accents, case or signs that cannot "
        f"be seen): {listed}"
    )


def _refuse_nameless(classes: Sequence[ClassFolder]) -> None:
    unusable = {
        each.folder.path: why
        for each in classes
        if (why := explain_unusable_class_name(each.class_name))
    }
    if unusable:
        raise LabelledSetError(
            f"{format_names(map(ascii, unusable))} cannot name a class: "
            f"{', '.join(dict.fromkeys(unusable.values()))}. Give the folder the name of its "
            "class; nothing was imported"
        )
