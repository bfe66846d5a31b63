"""Compute the canonical digest: equal for two workspaces with the same content."""

import hashlib
import json
from collections.abc import Iterator

import sqlalchemy as sa

from data_registry.duplicates.pair_annotations import select_pair_annotations
from data_registry.labels.class_resolution import select_latest
from data_registry.registry import Registry
from data_registry.storage import schema

_TABLES: dict[str, tuple[sa.Table, tuple[str, ...]]] = {
    "images": (schema.image, ("sha256", "format", "width", "height", "byte_count")),
    "sources": (
        schema.source,
        ("sha256", "provider", "query", "url", "page_url", "licence", "licence_url", "creator"),
    ),
    "labels": (schema.label, ("sha256", "class_name", "path", "given_split")),
    "groups": (schema.group_member, ("sha256", "group_id")),
    "assignments": (schema.split_assignment, ("sha256", "split")),
    "audits": (schema.audit, ("teacher_id", "sha256", "accepted_as")),
    "versions": (schema.version_tag, ("tag", "version_hash")),
    "tombstones": (schema.tombstone, ("sha256",)),
    "discarded": (schema.discarded, ("sha256",)),
}


def compute_canonical_digest(registry: Registry) -> str:
    """Compute SHA-256 over the content, without times, attempts and row numbers.

    It covers images, sources, labels, groups, split assignments, current decisions, annotations,
    must-links and cannot-links, audits, versions (whose names are content hashes), tombstones and
    discarded images, each sorted.
    """
    digest = hashlib.sha256()
    for name, rows in _load_sections(registry):
        digest.update(f"{name} {len(rows)}\n".encode())
        for row in sorted(json.dumps(row, ensure_ascii=False) for row in rows):
            digest.update(row.encode() + b"\n")
    return digest.hexdigest()


def _load_sections(registry: Registry) -> Iterator[tuple[str, list[list[object]]]]:
    for name, (table, columns) in _TABLES.items():
        selected = sa.select(*(table.c[column] for column in columns))
        yield name, [list(row) for row in registry.database.rows(selected)]
    decided = select_latest(schema.decision, "decision_id")
    what = ("sha256", "teacher_id", "verdict", "class_name", "reason")
    yield "decisions", _load_columns(registry, decided, what)
    said = select_latest(schema.annotation, "annotation_id")
    answer = ("sha256", "class_name", "person", "purpose")
    yield "annotations", _load_columns(registry, said, answer)
    pair = ("first", "second", "says", "person")
    yield "copy words", _load_columns(registry, select_pair_annotations(), pair)


def _load_columns(
    registry: Registry, statement: sa.Select[tuple[object, ...]], columns: tuple[str, ...]
) -> list[list[object]]:
    return [[getattr(row, name) for name in columns] for row in registry.database.rows(statement)]
