"""Resolve the class of an image: an annotation beats a label, a label beats a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_registry.ingest.importing import PROVIDER as IMPORT
from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.vocabulary import ClassOrigin, Verdict

if TYPE_CHECKING:
    import pandas as pd

NONE_OF_THE_CLASSES = ""


def select_latest(table: sa.Table, order: str) -> sa.Select[tuple[object, ...]]:
    """Select the last row of each image in an append-only table, without taken-down images.

    An audit without it stays a uniform sample, since a takedown has nothing to do with whether the
    teacher was right.
    """
    newest = sa.select(sa.func.max(table.c[order])).group_by(table.c.sha256)
    taken_down = sa.select(schema.tombstone.c.sha256)
    return sa.select(table).where(table.c[order].in_(newest), table.c.sha256.not_in(taken_down))


def load_current_decisions(registry: Registry) -> pd.DataFrame:
    """Load the current decision about each image: the columns of `schema.decision`."""
    return registry.database.frame(select_latest(schema.decision, "decision_id"))


def load_current_annotations(registry: Registry) -> pd.DataFrame:
    """Load the current annotation of each image: the columns of `schema.annotation`."""
    return registry.database.frame(select_latest(schema.annotation, "annotation_id"))


def find_decided_images(registry: Registry) -> set[str]:
    """Find the SHA-256 of images with a decision, taken-down ones left out."""
    return _find_latest(registry, schema.decision, "decision_id")


def find_annotated_images(registry: Registry) -> set[str]:
    """Find the SHA-256 of images with an annotation, taken-down ones left out."""
    return _find_latest(registry, schema.annotation, "annotation_id")


def _find_latest(registry: Registry, table: sa.Table, order: str) -> set[str]:
    statement = select_latest(table, order).with_only_columns(table.c.sha256)
    return {row.sha256 for row in registry.database.rows(statement)}


def resolve_classes(registry: Registry) -> pd.DataFrame:
    """Resolve the class of each image: sha256, class_name, class_origin.

    Images with two labels are left out until a person answers, and taken-down images always. An
    image that a person answered with "none of the classes" has the empty class.
    """
    import pandas as pd

    label = schema.label
    labels = registry.database.frame(sa.select(label.c.sha256, label.c.class_name).distinct())
    unusable = load_label_conflicts(registry).keys() | registry.find_tombstones()
    labels = labels[~labels["sha256"].isin(unusable)]
    decisions = load_current_decisions(registry)
    accepted = decisions[decisions["verdict"] == Verdict.ACCEPTED]
    words = (
        (ClassOrigin.ANNOTATION.value, load_current_annotations(registry)),
        (ClassOrigin.LABEL.value, labels),
        (ClassOrigin.DECISION.value, accepted),
    )
    stated = pd.concat(
        [rows[["sha256", "class_name"]].assign(class_origin=origin) for origin, rows in words]
    )
    return stated.drop_duplicates("sha256").sort_values("sha256").reset_index(drop=True)


def load_attributions(registry: Registry) -> pd.DataFrame:
    """Load the attribution of each image: sha256, provider, licence, creator."""
    return load_best_sources(registry)[["sha256", "provider", "licence", "creator"]]


def load_best_sources(registry: Registry) -> pd.DataFrame:
    """Load the most complete source of each image: the columns of `schema.source`."""
    seen = registry.database.frame(sa.select(schema.source))
    seen["silent"] = (seen["licence"] == "").astype(int) + (seen["creator"] == "").astype(int)
    seen["collected"] = seen["provider"] != IMPORT
    seen = seen.sort_values(["sha256", "collected", "silent", "provider", "url"])
    return seen.drop_duplicates("sha256").drop(columns=["silent", "collected"])
