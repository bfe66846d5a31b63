"""Publish and load versions: immutable snapshots whose splits cannot leak."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_registry.duplicates.copies import rank_duplicates
from data_registry.duplicates.grouping import load_groups
from data_registry.errors import InputError, RuleError
from data_registry.labels.class_resolution import (
    NONE_OF_THE_CLASSES,
    load_attributions,
    resolve_classes,
)
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.storage.settled import find_let_go, find_taken_down
from data_registry.text.wording import choose_verb_form, count_noun
from data_registry.versions.leaks import Breach, find_broken_rules
from data_registry.versions.manifest import (
    COLUMNS,
    EXCLUDED,
    build_card_path,
    compute_content_hash,
    normalise_manifest,
    read_manifest,
    write_manifest,
)
from data_registry.versions.manifest_checks import RULES, load_rule_tables, open_tables
from data_registry.versions.soft_labels import SOFT_LABELS, write_soft_labels
from data_registry.versions.split_report import compute_split_cost
from data_registry.versions.splits import STRENGTH, load_assigned_splits
from data_registry.versions.version_card import AuditMark, VersionCard, read_card
from data_registry.vocabulary import ClassOrigin, Split

IN_TEST_GROUP = "in a group with a test image"
IN_VAL_GROUP = "in a group with a val image"
DUPLICATE = "copy of a better image in train"
NOT_A_CLASS = "a person said: none of the classes"
DUPLICATE_OF_TAKEN_DOWN = "copy of an image that was taken down"
NOT_KEPT = "collected, not kept"
NO_SPLIT = "no split was assigned yet"
UNAUDITED = "unaudited"


@dataclass(frozen=True)
class Version:
    """A published version.

    Attributes:
        tag: v1, v2, …
        version_hash: its content hash.
        parent: hash of the version before it; empty for the first.
        card: counts, settings and checks, as stored beside the manifest.
    """

    tag: str
    version_hash: str
    parent: str
    card: VersionCard


def draft_manifest(registry: Registry) -> pd.DataFrame:
    """Build the rows of a version of the present state, excluded images included."""
    rows = resolve_classes(registry)
    if rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = rows.merge(load_attributions(registry), on="sha256", how="left")
    labelled = registry.find_labelled_images()
    assigned = load_assigned_splits(registry)
    # A collected image is always in train, whoever gave its class.
    rows["split"] = [
        assigned.get(sha256, EXCLUDED) if sha256 in labelled else Split.TRAIN.value
        for sha256 in rows["sha256"]
    ]
    rows["reason"] = np.where(rows["split"] == EXCLUDED, NO_SPLIT, "")
    rows["group_id"] = rows["sha256"].map(load_groups(registry))
    rows = _exclude_none_of_the_classes(_exclude_duplicates_of_taken_down(rows, registry))
    rows = _exclude(rows, rows["sha256"].isin(registry.find_discarded_images()), NOT_KEPT)
    rows = _exclude_leaks(rows)
    return normalise_manifest(_exclude_duplicates(rows, registry))


def publish(
    registry: Registry, settings: Mapping[str, Any], certified: float | None = None
) -> Version:
    """Publish the present state as a version; return the newest version if nothing changed.

    Args:
        registry: holds the images and their classes.
        settings: settings of the project, for the version's card.
        certified: certified precision of the pseudo-labels; with None, a version that holds any is
            marked unaudited.

    Raises:
        InputError: nothing is labelled yet.
        RuleError: a rule would be broken; nothing was published.
    """
    manifest = draft_manifest(registry)
    if manifest.empty:
        raise InputError("there are no labelled images yet: run `ephyra import DIR` first")
    found = list(_find_breaches(registry, manifest))
    if found:
        named = "; ".join(f"{item.rule} ({count_noun(item.count, 'image')})" for item in found)
        raise RuleError(f"the version was not published, since it breaks these rules: {named}")
    version_hash = compute_content_hash(manifest)
    newest = find_newest_version(registry)
    if newest and newest.version_hash == version_hash:
        return newest
    parent = newest.version_hash if newest else ""
    card = _build_card(version_hash, parent, manifest, settings)
    card["audit"] = _build_audit_mark(card["origins"], certified)
    card[SOFT_LABELS] = write_soft_labels(registry, version_hash, manifest)
    write_manifest(registry, version_hash, manifest)
    registry.files.write(build_card_path(version_hash), json.dumps(card, indent=2).encode())
    _record_version(registry, version_hash, parent, manifest)
    return find_version(registry, version_hash)


def _find_breaches(registry: Registry, manifest: pd.DataFrame) -> Iterator[Breach]:
    """Check a manifest by every rule of `verify` that needs no stored bytes and no hash search."""
    rows = pa.Table.from_pandas(manifest, preserve_index=False)
    with open_tables({**load_rule_tables(registry), "manifest": rows}) as connection:
        yield from find_broken_rules(connection, RULES)


def load_publication_times(registry: Registry) -> dict[str, str]:
    """Load the time (ISO 8601) at which each version was published, by its hash."""
    table = schema.version
    rows = registry.database.rows(sa.select(table.c.version_hash, table.c.at))
    return {row.version_hash: row.at for row in rows}


def load_versions(registry: Registry) -> list[Version]:
    """Load every published version, oldest first."""
    tag, version = schema.version_tag, schema.version
    statement = (
        sa.select(tag.c.tag, tag.c.version_hash, version.c.parent)
        .join(version, version.c.version_hash == tag.c.version_hash)
        .order_by(tag.c.number)
    )
    return [
        Version(row.tag, row.version_hash, row.parent, read_card(registry.files, row.version_hash))
        for row in registry.database.rows(statement)
    ]


def find_newest_version(registry: Registry) -> Version | None:
    """Find the version tagged last, or None."""
    return next(reversed(load_versions(registry)), None)


def find_version(registry: Registry, name: str = "") -> Version:
    """Find the version with this tag, hash or hash prefix; the newest for an empty name.

    Raises:
        InputError: there is none.
    """
    everything = load_versions(registry)
    named = [
        item
        for item in everything
        if not name or item.tag == name or (len(name) >= 6 and item.version_hash.startswith(name))
    ]
    if not named:
        tags = ", ".join(item.tag for item in everything) or "none yet: run `ephyra import DIR`"
        raise InputError(f"there is no version {name or 'at all'}; there are: {tags}")
    return named[-1]


def load_images_stored_before(registry: Registry, version: Version) -> set[str]:
    """Load the SHA-256 of the images that were stored when the version was published."""
    image, published = schema.image, schema.version
    moment = sa.select(published.c.at).where(published.c.version_hash == version.version_hash)
    statement = sa.select(image.c.sha256).where(image.c.at <= moment.scalar_subquery())
    return {row.sha256 for row in registry.database.rows(statement)}


def describe_audit(card: VersionCard) -> str:
    """Describe a version's pseudo-labels from its card."""
    mark = card.get("audit", {"state": UNAUDITED, "machine_labelled": 0, "certified": None})
    words = f"{mark['machine_labelled']}, {mark['state']}" if mark["machine_labelled"] else "none"
    if mark["certified"] is None:
        return words
    return f"{words}: at least {mark['certified']:.3f} right, with 95 % confidence"


def load_version_rows(registry: Registry, version: Version) -> pd.DataFrame:
    """Load the manifest of a published version."""
    return read_manifest(registry, version.version_hash)


def load_complete_rows(registry: Registry, version: Version) -> pd.DataFrame:
    """Load the manifest of a version, all of whose images must exist.

    Raises:
        InputError: some of its images were taken down since.
    """
    rows = load_version_rows(registry, version)
    if gone := find_images_taken_down(registry, rows):
        raise InputError(
            f"{version.tag} holds {count_noun(len(gone), 'image')} taken down since, so it "
            "cannot train a model any more: `ephyra merge` publishes a version without them"
        )
    return rows


def find_images_taken_down(registry: Registry, rows: pd.DataFrame) -> list[str]:
    """Find the images of a manifest that were taken down since it was published, sorted."""
    kept = rows["sha256"][rows["split"] != EXCLUDED]
    return sorted(registry.find_tombstones() & set(kept))


def _exclude_duplicates_of_taken_down(rows: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Exclude collected duplicates of images taken down; imported ones are the user's choice."""
    tombstones, labelled = registry.find_tombstones(), registry.find_labelled_images()
    gone = {group for sha256, group in load_groups(registry).items() if sha256 in tombstones}
    copies = rows["group_id"].isin(gone) & ~rows["sha256"].isin(labelled)
    return _exclude(rows, copies, DUPLICATE_OF_TAKEN_DOWN)


def _exclude_none_of_the_classes(rows: pd.DataFrame) -> pd.DataFrame:
    """Exclude images of none of the classes, and pseudo-labelled images of their groups."""
    nothing = rows["class_name"] == NONE_OF_THE_CLASSES
    copies = rows["group_id"].isin(rows["group_id"][nothing]) & (
        rows["class_origin"] == ClassOrigin.DECISION
    )
    return _exclude(rows, nothing | copies, NOT_A_CLASS)


def _exclude_leaks(rows: pd.DataFrame) -> pd.DataFrame:
    """Exclude the weaker members of a group: test beats val, val beats train."""
    strength = rows["split"].map(STRENGTH).fillna(len(STRENGTH))
    strongest = strength.groupby(rows["group_id"]).transform("min")
    weaker = strength > strongest
    rows = _exclude(rows, weaker & (strongest == STRENGTH[Split.TEST]), IN_TEST_GROUP)
    return _exclude(rows, weaker & (strongest == STRENGTH[Split.VAL]), IN_VAL_GROUP)


def _exclude_duplicates(rows: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Keep only the best of collected duplicates, and none beside a labelled one in train.

    Imported duplicates in train are the user's choice. A series and augmented families are no
    duplicates (`data_registry.duplicates.copies`).
    """
    taught = rows["sha256"][rows["split"] == Split.TRAIN]
    ranked = rank_duplicates(registry, list(taught))
    later = ranked["sha256"][ranked.duplicated("copies")]
    later = later[~later.isin(registry.find_labelled_images())]
    return _exclude(rows, rows["sha256"].isin(later), DUPLICATE)


def _exclude(rows: pd.DataFrame, which: "pd.Series[bool]", reason: str) -> pd.DataFrame:
    which = which & (rows["split"] != EXCLUDED)
    return rows.assign(
        split=rows["split"].mask(which, EXCLUDED), reason=rows["reason"].mask(which, reason)
    )


def _build_card(
    version_hash: str, parent: str, manifest: pd.DataFrame, settings: Mapping[str, Any]
) -> VersionCard:
    kept = manifest[manifest["split"] != EXCLUDED]
    return {
        "version": version_hash,
        "parent": parent,
        "images": len(kept),
        "splits": _count_values(kept, "split"),
        "classes": {
            str(split): _count_values(rows, "class_name") for split, rows in kept.groupby("split")
        },
        "origins": {
            str(split): _count_values(rows, "class_origin") for split, rows in kept.groupby("split")
        },
        "licences": _count_values(kept, "licence"),
        "excluded": _count_values(manifest[manifest["split"] == EXCLUDED], "reason"),
        "cost": asdict(compute_split_cost(manifest)),
        "groups": int(kept["group_id"].nunique()),
        "settings": dict(settings),
        "checks": "every rule of data_registry.manifest_checks holds",
    }


def _build_audit_mark(
    origins: Mapping[str, Mapping[str, int]], certified: float | None
) -> AuditMark:
    machine = sum(counts.get(ClassOrigin.DECISION, 0) for counts in origins.values())
    state = "nothing machine-labelled"
    if machine:
        state = UNAUDITED if certified is None else "audited"
    return {"state": state, "machine_labelled": machine, "certified": certified}


def _count_values(rows: pd.DataFrame, column: str) -> dict[str, int]:
    return {str(k): int(v) for k, v in rows[column].value_counts().sort_index().items()}


def _record_version(
    registry: Registry, version_hash: str, parent: str, manifest: pd.DataFrame
) -> None:
    """Record the version, in one transaction.

    Its train images are assigned to train permanently: once trained on, an image can never enter
    val or test, even if it is imported later with another split.
    """
    at = now()
    tag, count = schema.version_tag, len(manifest)
    taught = manifest["sha256"][manifest["split"] == Split.TRAIN]
    with registry.database.begin_exclusive_transaction() as connection:
        _refuse_removed_images(connection, manifest["sha256"][manifest["split"] != EXCLUDED])
        row = {"version_hash": version_hash, "parent": parent, "image_count": count, "at": at}
        registry.database.add(connection, schema.version, [row])
        rows = [{"sha256": sha256, "split": Split.TRAIN.value, "at": at} for sha256 in taught]
        registry.database.add(connection, schema.split_assignment, rows)
        number = (connection.scalar(sa.select(sa.func.max(tag.c.number))) or 0) + 1
        connection.execute(
            sa.insert(tag).values(number=number, tag=f"v{number}", version_hash=version_hash, at=at)
        )


def _refuse_removed_images(connection: sa.Connection, sha256s: "pd.Series[str]") -> None:
    """Refuse images that a takedown or `gc` removed between the draft and this transaction."""
    gone = find_taken_down(connection, sha256s) | find_let_go(connection, sha256s)
    if gone:
        raise RuleError(
            f"{count_noun(len(gone), 'image')} {choose_verb_form(len(gone), 'was', 'were')} taken "
            "down or deleted while the version was built, so it was "
            "not published: run the same command again to build it without them"
        )
