"""Duplicates in a labelled set: pairs with their evidence, and groups."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from data_registry.duplicates.grouping import load_groups
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.splits import STRENGTH
from data_registry.vocabulary import Split

EXACT = "same bytes"
_HELD_OUT = (Split.TEST, Split.VAL)


@dataclass(frozen=True)
class File:
    """One file of the set.

    Attributes:
        split: train, val, test, or empty where the set has none.
    """

    sha256: str
    path: str
    class_name: str
    split: str


@dataclass(frozen=True)
class Pair:
    """Two files that show the same photograph.

    Attributes:
        first: the one of the stronger split: test, then val, then train.
        method, distance: of the evidence.
    """

    first: File
    second: File
    method: str
    distance: float

    @property
    def across_splits(self) -> bool:
        """Whether the two files are in different splits."""
        return self.first.split != self.second.split

    @property
    def across_classes(self) -> bool:
        """Whether the two files have different classes."""
        return self.first.class_name != self.second.class_name


@dataclass(frozen=True)
class DuplicateGroup:
    """Files that show the same photograph.

    Attributes:
        files: two or more: those of test first, then val, then train.
        methods: the methods that link them, each once.
    """

    files: tuple[File, ...]
    methods: tuple[str, ...]

    @property
    def splits(self) -> dict[str, int]:
        """Files by split, the strongest first."""
        return dict(Counter(file.split for file in self.files))

    @property
    def classes(self) -> dict[str, int]:
        """Files by class, the most frequent first."""
        return dict(Counter(file.class_name for file in self.files).most_common())

    @property
    def across_splits(self) -> bool:
        """Whether the files are in different splits."""
        return len(self.splits) > 1

    @property
    def across_classes(self) -> bool:
        """Whether the files have different classes."""
        return len(self.classes) > 1


@dataclass(frozen=True, kw_only=True)
class FolderDuplicates:
    """The duplicates of a folder.

    Attributes:
        files: how many could be read.
        pairs: those across splits first, then those across classes, then the nearest.
        groups: of two files or more: those across splits first, then across classes, then the
            largest.
        families: how many groups.
        in_families: files in them.
        held_out: files of val and test.
        leaked: those of them that have a duplicate in another split.
    """

    files: int
    pairs: tuple[Pair, ...]
    groups: tuple[DuplicateGroup, ...]
    families: int
    in_families: int
    held_out: int
    leaked: int

    @property
    def across_splits(self) -> tuple[Pair, ...]:
        """Pairs across splits."""
        return tuple(pair for pair in self.pairs if pair.across_splits)

    @property
    def across_classes(self) -> tuple[Pair, ...]:
        """Pairs across classes."""
        return tuple(pair for pair in self.pairs if pair.across_classes)

    @property
    def groups_across_classes(self) -> tuple[DuplicateGroup, ...]:
        """Groups whose files have several classes."""
        return tuple(group for group in self.groups if group.across_classes)


def load_files(registry: Registry) -> pd.DataFrame:
    """Load one row for each file: sha256, path, class_name, split, group_id.

    The registry's groups must be up to date.
    """
    label = schema.label
    columns = (label.c.sha256, label.c.path, label.c.class_name, label.c.given_split)
    rows = registry.database.frame(sa.select(*columns).order_by(label.c.path))
    rows["group_id"] = rows["sha256"].map(load_groups(registry))
    return rows.rename(columns={"given_split": "split"})


def find_duplicates(registry: Registry, files: pd.DataFrame) -> FolderDuplicates:
    """Find every pair of duplicates, and their groups.

    Args:
        registry: stores the links.
        files: from `load_files`.
    """
    pairs = sorted(
        [*_find_exact_pairs(files), *_find_linked_pairs(registry, files)], key=_rank_pair
    )
    sizes = files["group_id"].value_counts()
    held_out = files[files["split"].isin(_HELD_OUT)]
    return FolderDuplicates(
        files=len(files),
        pairs=tuple(pairs),
        groups=tuple(sorted(_build_groups(files, pairs), key=_rank_group)),
        families=int((sizes > 1).sum()),
        in_families=int(sizes[sizes > 1].sum()),
        held_out=len(held_out),
        leaked=int(_is_leaked(files, held_out).sum()),
    )


def _build_groups(files: pd.DataFrame, pairs: Sequence[Pair]) -> Iterator[DuplicateGroup]:
    methods: dict[str, set[str]] = defaultdict(set)
    group_of_image = dict(zip(files["sha256"], files["group_id"], strict=True))
    for pair in pairs:
        methods[group_of_image[pair.first.sha256]].add(pair.method)
    for group_id, rows in files[files.duplicated("group_id", keep=False)].groupby("group_id"):
        members = sorted(build_files(rows), key=lambda file: (STRENGTH[file.split], file.path))
        yield DuplicateGroup(tuple(members), tuple(sorted(methods[str(group_id)])))


def _rank_group(group: DuplicateGroup) -> tuple[bool, bool, int, str]:
    first = group.files[0].path
    return not group.across_splits, not group.across_classes, -len(group.files), first


def _is_leaked(files: pd.DataFrame, held_out: pd.DataFrame) -> "pd.Series[bool]":
    """Whether each held-out file has a duplicate in another split."""
    splits = files.groupby("group_id")["split"].nunique()
    return held_out["group_id"].map(splits) > 1


def _find_exact_pairs(files: pd.DataFrame) -> list[Pair]:
    """Find files of the same bytes: each is paired with the first of them."""
    found = []
    for _, same in files[files.duplicated("sha256", keep=False)].groupby("sha256"):
        first, *others = build_files(same)
        found += [_build_pair(first, other, EXACT, 0.0) for other in others]
    return found


def _find_linked_pairs(registry: Registry, files: pd.DataFrame) -> list[Pair]:
    """Find linked files; of files of the same bytes the first represents the others."""
    link = schema.group_link
    columns = (link.c.first, link.c.second, link.c.method, link.c.distance)
    links = registry.database.frame(sa.select(*columns)).sort_values(["distance", "method"])
    closest = links.drop_duplicates(["first", "second"])
    file_of = {file.sha256: file for file in reversed(build_files(files))}
    return [
        _build_pair(file_of[first], file_of[second], method, distance)
        for first, second, method, distance in closest.to_numpy().tolist()
    ]


def build_files(rows: pd.DataFrame) -> list[File]:
    """Build records from rows of `load_files`."""
    columns = ["sha256", "path", "class_name", "split"]
    return [File(*row) for row in rows[columns].itertuples(index=False, name=None)]


def _build_pair(one: File, other: File, method: str, distance: float) -> Pair:
    first, second = sorted((one, other), key=lambda file: (STRENGTH[file.split], file.path))
    return Pair(first, second, method, distance)


def _rank_pair(pair: Pair) -> tuple[bool, bool, float, str]:
    return (not pair.across_splits, not pair.across_classes, pair.distance, pair.first.path)
