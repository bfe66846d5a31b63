"""Assign each labelled image permanently to train, val or test.

A set that comes with val and test keeps them. A missing split is drawn from the rest, class by
class, in whole groups. The database refuses to change an assignment
(`data_registry.storage.triggers`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator

import pandas as pd
import sqlalchemy as sa

from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.versions.split_settings import SplitSettings
from data_registry.vocabulary import Split

HELD_OUT: tuple[str, ...] = (
    Split.TEST.value,
    Split.VAL.value,
)  # in order of strength: test beats val, val beats train
STRENGTH: dict[str, int] = {Split.TEST: 0, Split.VAL: 1, Split.TRAIN: 2, "": 3}


def assign_splits(registry: Registry, settings: SplitSettings) -> dict[str, int]:
    """Assign every labelled image that has no split yet; groups must be up to date.

    Returns:
        Number of images newly assigned to each split.
    """
    images = _load_labelled_images(registry)
    pending = images[images["assigned"] == ""]
    splits = _inherit_splits(images, pending)
    open_images = pending[~pending["sha256"].isin(splits.keys())]
    splits |= _draw_splits(
        open_images, _find_missing_splits(images), _find_held_out_groups(images), settings
    )
    at = now()
    with registry.database.transaction() as connection:
        registry.database.add(
            connection,
            schema.split_assignment,
            [{"sha256": sha256, "split": split, "at": at} for sha256, split in splits.items()],
        )
    return dict(sorted(Counter(splits.values()).items()))


def load_assigned_splits(registry: Registry) -> dict[str, str]:
    """Load the permanent split of each assigned image, by SHA-256."""
    table = schema.split_assignment
    rows = registry.database.rows(sa.select(table.c.sha256, table.c.split))
    return {row.sha256: row.split for row in rows}


def _load_labelled_images(registry: Registry) -> pd.DataFrame:
    """Load one row for each image: sha256, class_name, given (strongest), assigned, group_id."""
    label, member, assigned = schema.label, schema.group_member, schema.split_assignment
    statement = (
        sa.select(
            label.c.sha256,
            label.c.class_name,
            label.c.given_split.label("given"),
            sa.func.coalesce(assigned.c.split, "").label("assigned"),
            member.c.group_id,
        )
        .join(member, member.c.sha256 == label.c.sha256)
        .outerjoin(assigned, assigned.c.sha256 == label.c.sha256)
    )
    images = registry.database.frame(statement)
    images = images[~images["sha256"].isin(load_label_conflicts(registry).keys())]
    images = images.sort_values(["given", "sha256"], key=_map_strength, kind="stable")
    return images.drop_duplicates("sha256").sort_values("sha256").reset_index(drop=True)


def _map_strength(column: "pd.Series[str]") -> "pd.Series[int] | pd.Series[str]":
    return column.map(STRENGTH) if column.name == "given" else column


def _find_missing_splits(images: pd.DataFrame) -> list[str]:
    """Find the held-out splits that neither the set nor an earlier import brought."""
    present = set(images["given"]) | set(images["assigned"])
    return [split for split in HELD_OUT if split not in present]


def _inherit_splits(images: pd.DataFrame, pending: pd.DataFrame) -> dict[str, str]:
    """Take splits that are given, or that another member of the group has already."""
    taken = images[images["assigned"] != ""].sort_values("assigned", key=lambda c: c.map(STRENGTH))
    of_group = dict(zip(taken["group_id"][::-1], taken["assigned"][::-1], strict=True))
    carving = bool(_find_missing_splits(images))
    splits = {}
    for row in pending.itertuples():
        given = str(row.given)
        if given in HELD_OUT or (given == Split.TRAIN and not carving):
            splits[str(row.sha256)] = given
        elif not given and row.group_id in of_group:
            splits[str(row.sha256)] = of_group[str(row.group_id)]
    return splits


def _find_held_out_groups(images: pd.DataFrame) -> set[str]:
    """Find the groups that hold a val or test image: no image is drawn from them."""
    held_out = images["given"].isin(HELD_OUT) | images["assigned"].isin(HELD_OUT)
    return set(images["group_id"][held_out])


def _draw_splits(
    images: pd.DataFrame, missing: list[str], taken: set[str], settings: SplitSettings
) -> dict[str, str]:
    """Draw the missing splits from images without a given one, whole groups at a time."""
    splits = dict.fromkeys(images["sha256"], Split.TRAIN.value)
    images = images[~images["group_id"].isin(taken)]
    class_of_group = images.groupby("group_id")["class_name"].transform("min")
    wanted = missing or list(HELD_OUT)
    for _, members in images.groupby(class_of_group):
        for split, group in _draw_groups(members, wanted, settings):
            splits |= dict.fromkeys(members["sha256"][members["group_id"] == group], split)
    return splits


def _draw_groups(
    members: pd.DataFrame, wanted: list[str], settings: SplitSettings
) -> Iterator[tuple[str, str]]:
    """Draw the held-out groups of one class as (split, group id); train keeps at least one."""
    sizes = members["group_id"].value_counts()
    queue = sorted(sizes.index, key=lambda group: stable_random_key(settings.seed, group))
    for split in wanted:
        target = max(1, round(settings.get_fraction(split) * len(members)))
        held = 0
        while held < target and len(queue) > 1:
            group = queue.pop()
            held += int(sizes[group])
            yield split, group


def stable_random_key(seed: int, group: str) -> str:
    """Hash a seed and a name to a key for a random order that does not depend on other names."""
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()
