"""Report groups for a person to check: too large, of two classes, or against a cannot-link.

A group is shown by the spanning tree of its strongest links (Kruskal). Where two groups were joined
by mistake, the weakest link of the tree joins them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from data_registry.duplicates.links import PERSON, active_links
from data_registry.duplicates.match_thresholds import LARGEST_GROUP
from data_registry.duplicates.pair_annotations import CANNOT_LINK, load_pair_annotations
from data_registry.labels.class_resolution import NONE_OF_THE_CLASSES, load_current_annotations
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.text.wording import count_noun

IMAGES_NAMED = 100
LINKS_NAMED = 50
# Must-links, then the user's file names, then hashes, then anything less certain.
_STRENGTH = {PERSON: 0, "name": 1, "hash": 2}
_LEAST_CERTAIN = 3


@dataclass(frozen=True)
class ChainLink:
    """A link of the spanning tree of a group."""

    first: str
    second: str
    method: str
    distance: float


@dataclass(frozen=True)
class Contradiction:
    """Two images with a cannot-link that other links still connect.

    Attributes:
        first, second: SHA-256 of the two.
        person: who set the cannot-link.
        path: the strongest links that lead from one to the other, the weakest first. One of them
            is wrong, or the cannot-link is.
    """

    first: str
    second: str
    person: str
    path: tuple[ChainLink, ...]


@dataclass(frozen=True, kw_only=True)
class ReportedGroup:
    """A group for a person to look at.

    Attributes:
        group_id: its name.
        size: how many images it has.
        images: the first `IMAGES_NAMED` of them, sorted.
        classes: the classes people gave its images, if more than one.
        reasons: why it is reported, in words.
        chain: the `LINKS_NAMED` weakest links of its spanning tree, the weakest first.
        contradictions: cannot-links that it violates.
    """

    group_id: str
    size: int
    images: tuple[str, ...]
    classes: tuple[str, ...]
    reasons: tuple[str, ...]
    chain: tuple[ChainLink, ...]
    contradictions: tuple[Contradiction, ...]

    @property
    def weakest(self) -> ChainLink:
        """The link to check first: the weakest towards a contradiction, or of the whole group.

        Raises:
            IndexError: the group is one image.
        """
        return self.contradictions[0].path[0] if self.contradictions else self.chain[0]


def find_reported_groups(
    registry: Registry, largest: int = LARGEST_GROUP
) -> tuple[ReportedGroup, ...]:
    """Find the groups that a person should check, sorted by name.

    Args:
        registry: holds the groups.
        largest: a group of more images is reported.
    """
    member = schema.group_member
    members = registry.database.frame(sa.select(member.c.sha256, member.c.group_id))
    return report_groups(registry, members, active_links(registry), largest)


def report_groups(
    registry: Registry, members: pd.DataFrame, links: pd.DataFrame, largest: int
) -> tuple[ReportedGroup, ...]:
    """Report groups from members and links that are already loaded.

    Args:
        registry: holds labels and annotations.
        members: columns sha256 and group_id.
        links: see `data_registry.duplicates.links.active_links`.
        largest: a group of more images is reported.
    """
    sizes = members["group_id"].value_counts()
    classes = _find_mixed_classes(registry, members)
    violated = _find_violated_cannot_links(registry, members)
    names = {*sizes.index[sizes > largest], *classes, *violated["group_id"]}
    if not names:
        return ()
    inside = members[members["group_id"].isin(names)].sort_values("sha256")
    images = inside.groupby("group_id")["sha256"].agg(list)
    forest = _Forest(links, list(inside["sha256"]))
    chains = forest.collect_chains(dict(zip(inside["sha256"], inside["group_id"], strict=True)))
    against = _trace_contradictions(violated, forest)
    return tuple(
        ReportedGroup(
            group_id=name,
            size=len(images[name]),
            images=tuple(images[name][:IMAGES_NAMED]),
            classes=classes.get(name, ()),
            reasons=tuple(
                _explain_report(len(images[name]), largest, classes.get(name), against[name])
            ),
            chain=tuple(chains[name][:LINKS_NAMED]),
            contradictions=tuple(against[name]),
        )
        for name in sorted(names)
    )


def _explain_report(
    size: int, largest: int, classes: Sequence[str] | None, against: Sequence[Contradiction]
) -> Iterator[str]:
    if size > largest:
        yield f"{count_noun(size, 'image')}, more than {largest}"
    if classes:
        yield f"two classes: {', '.join(classes)}"
    if against:
        pairs = "pair" if len(against) == 1 else "pairs"
        yield f"{len(against)} {pairs} with a cannot-link"


def _find_mixed_classes(registry: Registry, members: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Find groups to which people gave several classes; an annotation replaces labels."""
    label = schema.label
    labels = registry.database.frame(sa.select(label.c.sha256, label.c.class_name).distinct())
    answers = load_current_annotations(registry)[["sha256", "class_name"]]
    said = pd.concat([labels[~labels["sha256"].isin(answers["sha256"])], answers])
    named = said.merge(members, on="sha256").drop_duplicates(["group_id", "class_name"])
    several = named[named.duplicated("group_id", keep=False)]
    words = several.assign(
        word=several["class_name"].replace({NONE_OF_THE_CLASSES: "none of the classes"})
    )
    found = words.sort_values("word").groupby("group_id")["word"]
    return {str(name): tuple(names) for name, names in found}


def _find_violated_cannot_links(registry: Registry, members: pd.DataFrame) -> pd.DataFrame:
    """Find cannot-links whose two images are in one group."""
    said = load_pair_annotations(registry)
    said = said[said["says"] == CANNOT_LINK]
    group = members.set_index("sha256")["group_id"]
    group = group[group.index.isin({*said["first"], *said["second"]})]
    said = said.assign(
        group_id=said["first"].map(group).astype(object),
        other=said["second"].map(group).astype(object),
    )
    return said[said["group_id"].notna() & (said["group_id"] == said["other"])]


def _trace_contradictions(
    violated: pd.DataFrame, forest: "_Forest"
) -> Mapping[str, Sequence[Contradiction]]:
    found: dict[str, list[Contradiction]] = defaultdict(list)
    for row in violated.to_dict("records"):
        path = tuple(forest.find_path(row["first"], row["second"]))
        pair = Contradiction(row["first"], row["second"], row["person"], path)
        found[row["group_id"]].append(pair)
    return found


class _Forest:
    """A spanning tree of the strongest links in each group of some images."""

    def __init__(self, links: pd.DataFrame, sha256s: Sequence[str]) -> None:
        from scipy.sparse import coo_array, csr_array
        from scipy.sparse.csgraph import minimum_spanning_tree

        index = {name: number for number, name in enumerate(sha256s)}
        inside = links[links["first"].isin(index)]
        strength = inside["method"].map(_STRENGTH).fillna(_LEAST_CERTAIN).astype(int)
        inside = inside.assign(strength=strength).sort_values(
            ["strength", "distance", "first", "second"], ignore_index=True
        )
        inside = inside.drop_duplicates(["first", "second"], ignore_index=True)
        # A link's weight is its rank in this order, so that all weights differ and the tree is
        # unique. Ranks start at 1, since 0 means no link.
        ends = inside["first"].map(index), inside["second"].map(index)
        weights = coo_array(
            (np.arange(1.0, len(inside) + 1), tuple(end.to_numpy(int) for end in ends)),
            shape=(len(sha256s), len(sha256s)),
        )
        self._links, self._index, self._sha256s = inside, index, sha256s
        self._tree = csr_array(minimum_spanning_tree(weights.tocsr()))

    def collect_chains(self, group_of: Mapping[str, str]) -> Mapping[str, Sequence[ChainLink]]:
        """Collect the links of each group's tree, the weakest first."""
        found: dict[str, list[ChainLink]] = defaultdict(list)
        for link in self._read_links(np.sort(self._tree.data)[::-1]):
            found[group_of[link.first]].append(link)
        return found

    def find_path(self, first: str, second: str) -> list[ChainLink]:
        """Find the tree's links from one image to another of its group, the weakest first."""
        from scipy.sparse.csgraph import breadth_first_order

        start, index = self._index[first], self._index[second]
        before = breadth_first_order(self._tree, start, directed=False)[1]
        weights = []
        while index != start:
            step = int(before[index])
            weights.append(max(self._tree[step, index], self._tree[index, step]))
            index = step
        return self._read_links(np.sort(np.array(weights))[::-1])

    def _read_links(
        self, weights: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    ) -> list[ChainLink]:
        rows = self._links.iloc[weights.astype(int) - 1]
        columns = ["first", "second", "method", "distance"]
        return [ChainLink(*row) for row in rows[columns].itertuples(index=False, name=None)]
