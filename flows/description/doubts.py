"""What a person should look at: near-copies beside each other, and labels that may be wrong."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from data_registry.links import links_that_hold
from data_registry.manifest import EXCLUDED
from data_registry.out_of_fold import newest_out_of_fold
from data_registry.registry import Registry
from data_registry.versions import IN_TEST_GROUP, IN_VAL_GROUP

PAIRS_SHOWN = 24
LABELS_SHOWN = 24
_FOR_THE_OTHER = (IN_TEST_GROUP, IN_VAL_GROUP)


@dataclass(frozen=True)
class Pair:
    """Two images that belong to one group.

    Attributes:
        first, second: their SHA-256.
        method, distance: of the evidence.
        where: where each stands, in words.
        across: whether one of them is left out because of the other's split.
    """

    first: str
    second: str
    method: str
    distance: float
    where: tuple[str, str]
    across: bool


@dataclass(frozen=True)
class Pairs:
    """Near-copies of a version.

    Attributes:
        shown: those across splits first, then the nearest; one a group.
        count: pairs of which both images are in the manifest.
        across: those with an image that is left out for the other's sake.
    """

    shown: tuple[Pair, ...]
    count: int
    across: int


@dataclass(frozen=True)
class DoubtfulLabel:
    """A label that the images unlike it speak against.

    Attributes:
        given: the class it has.
        given_share: probability of that class, by a teacher that did not learn this image.
        predicted: the most probable class.
        predicted_share: its probability.
    """

    sha256: str
    given: str
    given_share: float
    predicted: str
    predicted_share: float


@dataclass(frozen=True)
class Doubts:
    """What teachers say against labels.

    Attributes:
        shown: the most doubtful first; see `doubts_about`.
        images: how many labels were looked at.
        differing: those for which another class is more probable.
        teacher_id: who says so; empty where no teacher left any word.
    """

    shown: tuple[DoubtfulLabel, ...]
    images: int
    differing: int
    teacher_id: str


def near_copies_in(registry: Registry, rows: pd.DataFrame) -> Pairs:
    """The links between images of a manifest.

    Args:
        registry: keeps the links.
        rows: a version's manifest, excluded images included.
    """
    links = links_that_hold(registry)
    about = rows.set_index("sha256")
    known = links["first"].isin(about.index) & links["second"].isin(about.index)
    links = links[known].reset_index(drop=True)
    reasons = [links[side].map(about["reason"]) for side in ("first", "second")]
    yields, stands = [r.isin(_FOR_THE_OTHER) for r in reasons], [r == "" for r in reasons]
    links["across"] = (yields[0] & stands[1]) | (yields[1] & stands[0])
    links["group_id"] = links["first"].map(about["group_id"])
    links = links.sort_values(
        ["across", "distance", "first", "second"], ascending=[False, True, True, True]
    )
    links = links.drop_duplicates(["first", "second"])  # the closest evidence of each pair
    where = {name: _where(row) for name, row in about.to_dict("index").items()}
    shown = links.drop_duplicates("group_id").head(PAIRS_SHOWN)
    return Pairs(
        shown=tuple(_pair(row, where) for row in shown.to_dict("records")),
        count=len(links),
        across=int(links["across"].sum()),
    )


def doubts_about(registry: Registry, rows: pd.DataFrame) -> Doubts:
    """Labels in train that a teacher which had not learnt them finds unlikely.

    The most doubtful are those where another class is most ahead of the given one, as confident
    learning ranks them (Northcutt et al., 2021).

    Args:
        registry: keeps what teachers said out of fold.
        rows: a version's manifest.

    Raises:
        StorageError: what the newest teacher left is damaged.
    """
    found = newest_out_of_fold(registry)
    if found is None:
        return Doubts((), 0, 0, "")
    teacher_id, probabilities = found
    stated = rows[(rows["split"] == "train") & (rows["class_origin"] != "decision")]
    stated = stated[stated["sha256"].isin(probabilities.index)]
    shares = probabilities.loc[stated["sha256"]]
    named = stated["class_name"].tolist()
    given = [shares[name].iat[place] if name in shares else 0.0 for place, name in enumerate(named)]
    table = pd.DataFrame(
        {
            "sha256": stated["sha256"].tolist(),
            "given": named,
            "given_share": given,
            "predicted": shares.idxmax(axis="columns").tolist() if len(shares) else [],
            "predicted_share": shares.max(axis="columns").tolist(),
        }
    )
    differing = table[table["given"] != table["predicted"]]
    ahead = differing["predicted_share"] - differing["given_share"]
    worst = differing.loc[ahead.sort_values(ascending=False, kind="stable").index]
    shown = tuple(DoubtfulLabel(*row) for row in worst.head(LABELS_SHOWN).to_numpy().tolist())
    return Doubts(shown, len(table), len(differing), teacher_id)


def _pair(row: Mapping[Hashable, Any], where: Mapping[Hashable, str]) -> Pair:
    return Pair(
        first=row["first"],
        second=row["second"],
        method=row["method"],
        distance=row["distance"],
        where=(where[row["first"]], where[row["second"]]),
        across=bool(row["across"]),
    )


def _where(row: Mapping[Hashable, Any]) -> str:
    if row["split"] == EXCLUDED:
        return f"left out, {row['reason']}"
    return f"{row['split']}, {row['class_name']}"
