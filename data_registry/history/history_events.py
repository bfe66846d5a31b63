"""Load the events of an image's history from the tables, and describe each in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from data_registry.duplicates.copies import find_duplicate_sets
from data_registry.duplicates.pair_annotations import MUST_LINK, load_cannot_links
from data_registry.history.image_lookup import find_first_url
from data_registry.ingest.importing import PROVIDER as IMPORT
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.text.hashes import shorten_hash
from data_registry.versions.manifest import EXCLUDED, open_manifests
from data_registry.vocabulary import Split

# The arm of a run that left the collected images out.
WITHOUT_COLLECTED = "without"
_NAMES_A_STATEMENT = 500
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        at: when, ISO 8601, UTC.
        what: tried, stored, seen, labelled, linked, assigned, predicted, decided, drawn,
            answered, version, run, discarded or taken down; compared: a person set a must-link or
            cannot-link.
        detail: in words.
        facts: the same as values.
    """

    at: str
    what: str
    detail: str
    facts: Facts


def load_row_events(registry: Registry, sha256: str) -> Iterator[Event]:
    """Load events from the tables that have a column ``sha256``."""
    for what, (table, words) in _EVENT_TABLES.items():
        statement = sa.select(table).where(table.c.sha256 == sha256)
        for row in registry.database.rows(statement):
            yield _build_event(what, row, words)


def load_attempt_events(registry: Registry, sha256: str, url: str) -> Iterator[Event]:
    """Load every attempt to fetch one of the image's URLs, or the given one."""
    attempt, source = schema.fetch_attempt, schema.source
    addresses = sa.select(source.c.url).where(source.c.sha256 == sha256)
    ours = attempt.c.url.in_(addresses) | (attempt.c.url == url)
    if sha256:
        ours |= attempt.c.sha256 == sha256
    for row in registry.database.rows(sa.select(attempt).where(ours)):
        yield _build_event("tried", row, _describe_attempt)


def load_link_events(registry: Registry, sha256: str) -> Iterator[Event]:
    """Load the links to other images; one that a cannot-link overrides is marked."""
    link, cannot_links = schema.group_link, load_cannot_links(registry)
    statement = sa.select(link).where((link.c.first == sha256) | (link.c.second == sha256))
    compared = _load_comparisons(registry, sha256)
    for row in registry.database.rows(statement):
        other = row.second if row.first == sha256 else row.first
        url = find_first_url(registry, other)
        facts = {"method": row.method, "distance": row.distance, "other": other, "other_url": url}
        detail = f"by {row.method}, distance {row.distance:g}, to {shorten_hash(other)} ({url})"
        if row.method == "features" and other in compared:
            facts |= compared[other]
            detail += "; {points} points agree, pixels correlate by {correlation:.2f}".format(
                **facts
            )
        if (row.first, row.second) in cannot_links:
            detail += "; overridden by a cannot-link"
        yield Event(row.at, "linked", detail, facts)


def load_pair_annotation_events(registry: Registry, sha256: str) -> Iterator[Event]:
    """Load every must-link and cannot-link of the image, superseded ones too."""
    table = schema.copy_word
    statement = sa.select(table).where((table.c.first == sha256) | (table.c.second == sha256))
    for row in registry.database.rows(statement):
        other = row.second if row.first == sha256 else row.first
        url = find_first_url(registry, other)
        facts = {"says": row.says, "other": other, "other_url": url, "person": row.person}
        note = row.note and f": {row.note}"
        with_other = "as" if row.says == MUST_LINK else "image as"
        detail = f"{row.says} {with_other} {shorten_hash(other)} ({url}), by {row.person}{note}"
        yield Event(row.at, "compared", detail, {**facts, "note": row.note})


def load_duplicate_events(registry: Registry, sha256: str) -> Iterator[Event]:
    """Load the sources of its duplicates, which count as its own."""
    sets, source = find_duplicate_sets(registry), schema.source
    duplicates = [name for name in sets if name != sha256 and sets[name] == sets.get(sha256)]
    for start in range(0, len(duplicates), _NAMES_A_STATEMENT):
        some = source.c.sha256.in_(duplicates[start : start + _NAMES_A_STATEMENT])
        for row in registry.database.rows(sa.select(source).where(some)):
            seen = _build_event("seen", row, _describe_source)
            detail = f"as its duplicate {shorten_hash(row.sha256)}: {seen.detail}"
            yield Event(seen.at, seen.what, detail, {**seen.facts, "copy": row.sha256})


def _load_comparisons(registry: Registry, sha256: str) -> dict[str, dict[str, float]]:
    """Load the geometric comparisons with other images: points, share and correlation."""
    table = schema.comparison
    statement = sa.select(table).where((table.c.first == sha256) | (table.c.second == sha256))
    return {
        row.second if row.first == sha256 else row.first: {
            "points": row.points,
            "share": row.share,
            "correlation": row.correlation,
        }
        for row in registry.database.rows(statement)
    }


def load_version_events(registry: Registry, sha256: str) -> list[Event]:
    """Load the versions whose manifests name the image, oldest first.

    Raises:
        StorageError: a manifest is missing or damaged.
    """
    tag = schema.version_tag
    tagged = registry.database.rows(sa.select(tag).order_by(tag.c.number))
    events = []
    for version in tagged:
        for row in _read_manifest_rows(registry, version.version_hash, sha256):
            facts = {"tag": version.tag, "version_hash": version.version_hash, **row}
            events.append(Event(version.at, "version", _describe_version(facts), facts))
    return events


def load_run_events(registry: Registry, versions: Sequence[Event]) -> Iterator[Event]:
    """Load the runs that were trained or measured on the image.

    Args:
        registry: holds the runs.
        versions: the versions that name the image, see `load_version_events`.
    """
    table = schema.run
    for version in versions:
        facts = version.facts
        if facts["split"] == EXCLUDED:
            continue
        of_version = table.c.version_hash == facts["version_hash"]
        for row in registry.database.rows(sa.select(table).where(of_version)):
            collected = facts["provider"] != IMPORT
            if row.arm == WITHOUT_COLLECTED and collected and facts["split"] == Split.TRAIN:
                continue
            did = (
                "learnt from it"
                if facts["split"] == Split.TRAIN
                else f"measured ({facts['split']})"
            )
            about = {"run_id": row.run_id, "model": row.model, "arm": row.arm, "seed": row.seed}
            detail = f"{row.run_id} {did}: {row.model}, arm {row.arm}, seed {row.seed}"
            yield Event(row.at, "run", detail, {**about, "tag": facts["tag"], "did": did})


def _read_manifest_rows(registry: Registry, version_hash: str, sha256: str) -> list[Facts]:
    query = "FROM manifest WHERE sha256 = ?"
    with open_manifests(registry, {"manifest": version_hash}) as connection:
        rows: list[Facts] = connection.execute(query, [sha256]).df().to_dict("records")
    return [{name: row[name] for name in row if name != "sha256"} for row in rows]


def _build_event(what: str, row: "sa.Row[Any]", words: Callable[[Facts], str]) -> Event:
    facts = {name: value for name, value in row._mapping.items() if name != "at"}
    return Event(row.at, what, words(facts), facts)


def _join_words(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _describe_source(row: Facts) -> str:
    if row["provider"] == IMPORT:
        return f"in the imported set: {row['url'].removeprefix(f'{IMPORT}:')}"
    query = row["query"] and f"for {row['query']!r}"
    page = row["page_url"] and f"on {row['page_url']}"
    licence = row["licence"] or "licence not stated"
    creator = row["creator"] and f"by {row['creator']}"
    seen = " ".join(word for word in (f"by {row['provider']}", query, f"at {row['url']}") if word)
    return _join_words(seen, page, " ".join(filter(None, (licence, row["licence_url"]))), creator)


def _describe_attempt(row: Facts) -> str:
    status = f"status {row['status']}" if row["status"] else ""
    size = f"{row['byte_count']:,} bytes" if row["byte_count"] else ""
    again = "to be tried again" if row["retryable"] else ""
    return f"{row['url']}: {_join_words(row['outcome'], status, size, row['detail'], again)}"


def _describe_image(row: Facts) -> str:
    return f"{row['format']}, {row['width']} x {row['height']}, {row['byte_count']:,} bytes"


def _describe_label(row: Facts) -> str:
    given = row["given_split"] and f", given as {row['given_split']}"
    return f"{row['class_name']}, imported from {row['path']}{given}"


def _describe_prediction(row: Facts) -> str:
    sure = f"{row['class_name']} at {row['confidence']:.3f}"
    teacher = shorten_hash(row["teacher_id"])
    return f"{sure}, {row['gate_distance']:.3f} from the labelled (teacher {teacher})"


def _describe_decision(row: Facts) -> str:
    by = f"teacher {shorten_hash(row['teacher_id'])}, {row['policy']}"
    return f"{row['verdict']}: {_join_words(row['reason'], row['detail'])} ({by})"


def _describe_audit(row: Facts) -> str:
    teacher = shorten_hash(row["teacher_id"])
    return f"for the audit of teacher {teacher}, accepted as {row['accepted_as']}"


def _describe_annotation(row: Facts) -> str:
    note = row["note"] and f": {row['note']}"
    return (
        f"{row['class_name'] or 'none of the classes'}, by {row['person']} ({row['purpose']}){note}"
    )


def _describe_assignment(row: Facts) -> str:
    return f"to {row['split']}, for ever"


def _describe_discarded(row: Facts) -> str:
    return f"its {row['byte_count']:,} bytes were not kept: {row['reason']}"


def _describe_tombstone(row: Facts) -> str:
    return str(row["reason"])


def _describe_version(facts: Facts) -> str:
    if facts["split"] == EXCLUDED:
        return f"left out of {facts['tag']}: {facts['reason']}"
    return f"in {facts['tag']}: {facts['class_name']} ({facts['class_origin']}), {facts['split']}"


_EVENT_TABLES: dict[str, tuple[sa.Table, Callable[[Facts], str]]] = {
    "seen": (schema.source, _describe_source),
    "stored": (schema.image, _describe_image),
    "labelled": (schema.label, _describe_label),
    "predicted": (schema.prediction, _describe_prediction),
    "decided": (schema.decision, _describe_decision),
    "drawn": (schema.audit, _describe_audit),
    "answered": (schema.annotation, _describe_annotation),
    "assigned": (schema.split_assignment, _describe_assignment),
    "discarded": (schema.discarded, _describe_discarded),
    "taken down": (schema.tombstone, _describe_tombstone),
}
