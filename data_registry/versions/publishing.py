"""Publish versions: immutable snapshots whose splits cannot leak."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_registry.errors import InputError, RuleError
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.storage.settled import find_let_go, find_taken_down
from data_registry.text.wording import choose_verb_form, count_noun
from data_registry.versions.draft import draft_manifest
from data_registry.versions.leaks import Breach, find_broken_rules
from data_registry.versions.manifest import (
    EXCLUDED,
    build_card_path,
    compute_content_hash,
    write_manifest,
)
from data_registry.versions.manifest_checks import RULES, load_rule_tables, open_tables
from data_registry.versions.published_versions import (
    UNAUDITED,
    Version,
    find_newest_version,
    find_version,
)
from data_registry.versions.soft_labels import SOFT_LABELS, write_soft_labels
from data_registry.versions.split_report import compute_split_cost
from data_registry.versions.version_card import AuditMark, VersionCard
from data_registry.vocabulary import ClassOrigin, Split


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
