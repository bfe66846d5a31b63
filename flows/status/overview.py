"""Tables for people: what is there, and what became of every collected image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.labels.class_resolution import (
    find_annotated_images,
    load_current_annotations,
    load_current_decisions,
    select_latest,
)
from data_registry.labels.class_words import ClassWords
from data_registry.labels.decisions import EVIDENCE, load_decision_evidence
from data_registry.registry import Registry
from data_registry.runs.champions import find_champion
from data_registry.runs.run_records import count_runs, count_test_readings
from data_registry.storage import schema
from data_registry.verification.digest import compute_canonical_digest
from data_registry.versions.published_versions import find_newest_version, load_versions
from flows.config.project_check import Check, check_loaded
from flows.config.workspace import Workspace
from flows.status.next_step import count_waiting_by_reason

if TYPE_CHECKING:
    import pandas as pd

    from data_registry.duplicates.reported_groups import ReportedGroup
    from labeling.audit.audit_result import AuditResult

_DECIDED = (
    "class_name", "confidence", "verdict", "reason", "detail", "policy", "teacher_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The state of a workspace.

    Attributes:
        check: what looking the project file over found.
        pool: collected images without a person's word.
        outcomes: fetch attempts by their latest outcome.
        reported_groups: groups that a person should look at.
        waiting_for: the images that wait for a person, by why; they add up to `waiting`.
        audit: of the newest teacher, or None without one.
        digest: the registry's canonical digest.
    """

    project: str
    check: Check
    images: int
    labelled: int
    pool: int
    outcomes: Mapping[str, int]
    verdicts: Mapping[str, int]
    waiting: int
    waiting_for: Mapping[str, int]
    reported_groups: tuple[ReportedGroup, ...]
    annotations: int
    audit: AuditResult | None
    versions: tuple[str, ...]
    runs: int
    champion: str | None
    test_readings: int
    digest: str


def summarise_workspace(workspace: Workspace) -> Overview:
    """Count everything once."""
    registry = workspace.registry
    images = registry.find_present_images()
    labelled = registry.find_labelled_images() & images
    answered = find_annotated_images(registry)
    waiting = count_waiting_by_reason(registry)
    return Overview(
        project=workspace.project.project.name,
        check=check_loaded(workspace),
        images=len(images),
        labelled=len(labelled),
        pool=len(images - labelled - answered),
        outcomes=count_latest_outcomes(registry),
        verdicts=_count_verdicts(registry),
        waiting=sum(waiting.values()),
        waiting_for=waiting,
        reported_groups=_find_reported_groups(registry, workspace.project.groups.largest),
        annotations=len(answered),
        audit=load_newest_audit(registry),
        versions=tuple(version.tag for version in load_versions(registry)),
        runs=count_runs(registry),
        champion=find_champion(registry),
        test_readings=count_test_readings(registry),
        digest=compute_canonical_digest(registry),
    )


def count_latest_outcomes(registry: Registry) -> dict[str, int]:
    """Count the latest outcomes of all candidates."""
    attempt = schema.fetch_attempt
    newest = sa.select(sa.func.max(attempt.c.attempt_id)).group_by(
        attempt.c.provider, attempt.c.query, attempt.c.url
    )
    statement = sa.select(attempt).where(attempt.c.attempt_id.in_(newest))
    return _count_values(registry, statement, "outcome")


def _count_verdicts(registry: Registry) -> dict[str, int]:
    return _count_values(registry, select_latest(schema.decision, "decision_id"), "verdict")


def _find_reported_groups(registry: Registry, largest: int) -> tuple[ReportedGroup, ...]:
    """Find the groups to check; without any group or conflict there is nothing to load."""
    member = schema.group_member.c.group_id
    together = sa.select(member).group_by(member).having(sa.func.count() > 1).limit(1)
    if not registry.database.rows(together) and not load_label_conflicts(registry):
        return ()
    from data_registry.duplicates.reported_groups import find_reported_groups  # with pandas

    return find_reported_groups(registry, largest)


def load_newest_audit(registry: Registry) -> AuditResult | None:
    """Load the audit of the teacher that decided last, if one was drawn."""
    if not registry.database.rows(sa.select(schema.audit.c.sha256).limit(1)):
        return None
    from labeling.audit.audit import find_newest_teacher, load_audit_result  # with pandas

    teacher = find_newest_teacher(registry)
    result = load_audit_result(registry, teacher) if teacher else None
    return result if result and result.drawn else None


def build_decision_table(registry: Registry) -> pd.DataFrame:
    """Build a table with one row for each source of a pool image.

    Returns:
        Columns sha256, provider, query, url, page_url, licence, creator, class_name, confidence,
        verdict, reason, detail, policy, teacher_id, those of
        `data_registry.labels.decisions.EVIDENCE` (empty where they had no say), annotation (a
        person's word, ``none`` for none of the classes unless a class is called so, empty without
        one), in_version (its split in the newest version, or empty).
    """
    source = schema.source
    columns = ("sha256", "provider", "query", "url", "page_url", "licence", "creator")
    collected = sa.select(*(source.c[name] for name in columns)).where(
        source.c.provider != "import"
    )
    sources = registry.database.frame(collected)
    sources = sources[~sources["sha256"].isin(registry.find_labelled_images())]
    decisions = load_current_decisions(registry)
    evidence = load_decision_evidence(registry)
    for name in EVIDENCE:
        decisions[name] = [
            evidence.get(number, {}).get(name, "") for number in decisions["decision_id"]
        ]
    decisions = decisions[["sha256", *_DECIDED, *EVIDENCE]]
    annotations = load_current_annotations(registry)[["sha256", "class_name"]]
    spelling = ClassWords(_find_known_classes(registry))
    annotations = annotations.rename(columns={"class_name": "annotation"})
    annotations = annotations.replace({"annotation": {"": spelling.none_word}})
    table = sources.merge(decisions, on="sha256", how="left").merge(
        annotations, on="sha256", how="left"
    )
    text_columns = [*(name for name in _DECIDED if name != "confidence"), *EVIDENCE, "annotation"]
    table[text_columns] = table[text_columns].fillna("")
    table["in_version"] = table["sha256"].map(_load_newest_splits(registry)).fillna("")
    return table.sort_values(["sha256", "provider", "query", "url"]).reset_index(drop=True)


def _find_known_classes(registry: Registry) -> set[str]:
    """Find every class that a label, a decision or a person has named."""
    tables = (schema.label, schema.decision, schema.annotation)
    results = [registry.database.rows(sa.select(table.c.class_name).distinct()) for table in tables]
    return {row.class_name for rows in results for row in rows} - {""}


def _load_newest_splits(registry: Registry) -> dict[str, str]:
    newest = find_newest_version(registry)
    if newest is None:
        return {}
    from data_registry.versions.manifest import read_manifest

    manifest = read_manifest(registry, newest.version_hash)
    return dict(zip(manifest["sha256"], manifest["split"], strict=True))


def _count_values(
    registry: Registry, statement: sa.Select[tuple[object, ...]], column: str
) -> dict[str, int]:
    """Count the rows of a query by the values of one of its columns, sorted by value."""
    value = statement.subquery().c[column]
    counted = sa.select(value.label("value"), sa.func.count().label("count")).group_by(value)
    counts = {str(row.value): int(row._mapping["count"]) for row in registry.database.rows(counted)}
    return dict(sorted(counts.items()))
