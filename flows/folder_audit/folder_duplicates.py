"""Copies in a labelled set: pairs with their evidence, those across splits and across classes."""

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
        """Whether what is measured on and what is learnt from share the photograph."""
        return self.first.split != self.second.split

    @property
    def across_classes(self) -> bool:
        """Whether the photograph stands under two classes."""
        return self.first.class_name != self.second.class_name


@dataclass(frozen=True)
class CopyGroup:
    """Files that show one photograph.

    Attributes:
        files: two or more: those of test first, then val, then train.
        methods: what ties them together, each once.
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
        """Whether what is measured on and what is learnt from share the photograph."""
        return len(self.splits) > 1

    @property
    def across_classes(self) -> bool:
        """Whether the photograph stands under several classes."""
        return len(self.classes) > 1


@dataclass(frozen=True)
class Copies:
    """What was found.

    Attributes:
        files: readable files.
        pairs: those across splits first, then those across classes, then the nearest.
        groups: of two files or more: those across splits first, then across classes, then the
            largest.
        in_families: files in them.
        held_out: files of val and test.
        leaked: those of them that have a copy in a split which is learnt from or chosen by.
    """

    files: int
    pairs: tuple[Pair, ...]
    groups: tuple[CopyGroup, ...]
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
    def groups_across_classes(self) -> tuple[CopyGroup, ...]:
        """Groups that stand under several classes."""
        return tuple(group for group in self.groups if group.across_classes)


def files_of(registry: Registry) -> pd.DataFrame:
    """One row a file: sha256, path, class_name, split, group_id; groups must have been drawn."""
    label = schema.label
    columns = (label.c.sha256, label.c.path, label.c.class_name, label.c.given_split)
    rows = registry.database.frame(sa.select(*columns).order_by(label.c.path))
    rows["group_id"] = rows["sha256"].map(load_groups(registry))
    return rows.rename(columns={"given_split": "split"})


def copies_in(registry: Registry, files: pd.DataFrame) -> Copies:
    """Every pair of files that belong together, and what they do to the splits.

    Args:
        registry: keeps the links.
        files: from `files_of`.
    """
    pairs = sorted([*_exact(files), *_linked(registry, files)], key=_worst_first)
    sizes = files["group_id"].value_counts()
    held_out = files[files["split"].isin(_HELD_OUT)]
    return Copies(
        files=len(files),
        pairs=tuple(pairs),
        groups=tuple(sorted(_groups(files, pairs), key=_worst_group_first)),
        families=int((sizes > 1).sum()),
        in_families=int(sizes[sizes > 1].sum()),
        held_out=len(held_out),
        leaked=int(_is_leaked(files, held_out).sum()),
    )


def _groups(files: pd.DataFrame, pairs: Sequence[Pair]) -> Iterator[CopyGroup]:
    methods: dict[str, set[str]] = defaultdict(set)
    group_of_image = dict(zip(files["sha256"], files["group_id"], strict=True))
    for pair in pairs:
        methods[group_of_image[pair.first.sha256]].add(pair.method)
    for group_id, rows in files[files.duplicated("group_id", keep=False)].groupby("group_id"):
        members = sorted(as_files(rows), key=lambda file: (STRENGTH[file.split], file.path))
        yield CopyGroup(tuple(members), tuple(sorted(methods[str(group_id)])))


def _worst_group_first(group: CopyGroup) -> tuple[bool, bool, int, str]:
    first = group.files[0].path
    return not group.across_splits, not group.across_classes, -len(group.files), first


def _is_leaked(files: pd.DataFrame, held_out: pd.DataFrame) -> "pd.Series[bool]":
    """Which held-out files have a group that reaches into another split."""
    splits = files.groupby("group_id")["split"].nunique()
    return held_out["group_id"].map(splits) > 1


def _exact(files: pd.DataFrame) -> list[Pair]:
    """Files of the same bytes, each with the first of them."""
    found = []
    for _, same in files[files.duplicated("sha256", keep=False)].groupby("sha256"):
        first, *others = as_files(same)
        found += [_pair(first, other, EXACT, 0.0) for other in others]
    return found


def _linked(registry: Registry, files: pd.DataFrame) -> list[Pair]:
    """Files that a link ties together; the first of those of the same bytes stands for them."""
    link = schema.group_link
    columns = (link.c.first, link.c.second, link.c.method, link.c.distance)
    links = registry.database.frame(sa.select(*columns)).sort_values(["distance", "method"])
    closest = links.drop_duplicates(["first", "second"])
    file_of = {file.sha256: file for file in reversed(as_files(files))}
    return [
        _pair(file_of[first], file_of[second], method, distance)
        for first, second, method, distance in closest.to_numpy().tolist()
    ]


def as_files(rows: pd.DataFrame) -> list[File]:
    """The rows of `files_of` as records."""
    columns = ["sha256", "path", "class_name", "split"]
    return [File(*row) for row in rows[columns].itertuples(index=False, name=None)]


def _pair(one: File, other: File, method: str, distance: float) -> Pair:
    first, second = sorted((one, other), key=lambda file: (STRENGTH[file.split], file.path))
    return Pair(first, second, method, distance)


def _worst_first(pair: Pair) -> tuple[bool, bool, float, str]:
    return (not pair.across_splits, not pair.across_classes, pair.distance, pair.first.path)
