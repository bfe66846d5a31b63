"""What to do next, decided in one place from what the registry holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from data_registry.errors import EphyraError
from data_registry.ingest.importing import PROVIDER as IMPORT
from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.labels.class_resolution import (
    find_annotated_images,
    find_decided_images,
    load_current_decisions,
)
from data_registry.registry import Registry
from data_registry.runs.champions import find_champion
from data_registry.storage import schema
from data_registry.text.hashes import LEAST_PREFIX, shorten_hash
from data_registry.text.wording import choose_verb_form, count_noun
from data_registry.versions.published_versions import Version, find_newest_version
from data_registry.vocabulary import Split, Verdict
from flows.config.project_check import check_loaded
from flows.config.workspace import Workspace, open_workspace

FOR_REVIEW, WORTH_ASKING, AUDITED, IN_TWO_CLASSES = (
    "for review", "decided, but worth asking about", "in the audit's sample",
    "imported under several classes",
)  # fmt: skip
_DIFFERS = "differs from the newest version"
_ANSWER = "`ephyra up`, or `ephyra review --sheet answers.csv`"


def suggest_next_step_of_folder(project: Path) -> str:
    """Suggest the next step of a project's folder; empty where its workspace cannot be read."""
    try:
        with open_workspace(project) as workspace:
            return suggest_next_step(workspace)
    except EphyraError:  # the command has reported what it has to report
        return ""


def suggest_next_step(workspace: Workspace) -> str:
    """Suggest what to do next, with the numbers that it rests on."""
    registry = workspace.registry
    newest = find_newest_version(registry)
    if newest is None:
        return "no labelled images yet: `ephyra import DIR`"
    step = _suggest_training_classes(workspace, newest) or _suggest_stage(workspace)
    conflicts = len(load_label_conflicts(registry))
    return _suggest_conflicts(conflicts, step) if conflicts else step


def _suggest_training_classes(workspace: Workspace, version: Version) -> str:
    """Suggest how train gets a second class; empty where it has one."""
    missing = _find_missing_training_images(version)
    due = _find_retrain_reason(workspace) if missing else ""
    return f"{due}: `ephyra merge`" if _DIFFERS in due else missing


def _find_missing_training_images(version: Version) -> str:
    """Say what nothing can be trained without; empty where it is there."""
    if "classes" not in version.card:  # the card of an earlier release
        return ""
    train_classes = sorted(version.card["classes"].get(Split.TRAIN, {}))
    if len(train_classes) > 1:
        return ""
    present = f"only {train_classes[0]}" if train_classes else "none"
    return (
        f"a model needs training images of at least 2 classes, and {version.tag} has {present}: "
        "`ephyra import DIR` with the others, in a train folder or without splits"
    )


def _suggest_stage(workspace: Workspace) -> str:
    registry = workspace.registry
    undecided = count_undecided(registry)
    if undecided:
        words = f"{count_noun(undecided, 'image')} {choose_verb_form(undecided, 'waits', 'wait')}"
        return f"{words} for the teacher: `ephyra label`"
    counts = count_waiting_by_reason(registry)
    asked = sum(counts.values()) - counts.get(IN_TWO_CLASSES, 0)
    due = _find_retrain_reason(workspace)
    if asked:
        return _suggest_answers(asked, due)
    if not has_collected_images(registry):
        return _suggest_collecting(workspace, due)
    if due:
        return _suggest_training(workspace, due)
    return _suggest_nothing(registry)


def _find_retrain_reason(workspace: Workspace) -> str:
    from flows.status.due import find_retrain_reason  # with pandas

    return find_retrain_reason(workspace)


def count_waiting_by_reason(registry: Registry) -> dict[str, int]:
    """Count the images that wait for a person, by reason; together they are the review queue."""
    conflicts = load_label_conflicts(registry)
    if not conflicts and not find_decided_images(registry):
        return {}
    from labeling.review.queue import AUDIT_QUEUE, load_waiting_images  # with pandas

    queue = load_waiting_images(registry)
    decided = load_current_decisions(registry)
    verdicts = dict(zip(decided["sha256"], decided["verdict"], strict=True))
    counts = dict.fromkeys((IN_TWO_CLASSES, FOR_REVIEW, WORTH_ASKING, AUDITED), 0)
    for name, kind in zip(queue["sha256"], queue["queue"], strict=True):
        if kind == AUDIT_QUEUE:
            counts[AUDITED] += 1
        elif name in conflicts:
            counts[IN_TWO_CLASSES] += 1
        else:
            counts[FOR_REVIEW if verdicts.get(name) == Verdict.REVIEW else WORTH_ASKING] += 1
    return {reason: count for reason, count in counts.items() if count}


def count_undecided(registry: Registry) -> int:
    """Count the pool's images that no teacher has decided on yet."""
    return len(_find_pool(registry) - find_decided_images(registry))


def has_collected_images(registry: Registry) -> bool:
    """Say whether any image was collected."""
    source = schema.source
    statement = sa.select(source.c.sha256).where(source.c.provider != IMPORT).limit(1)
    return bool(list(registry.database.rows(statement)))


def _find_pool(registry: Registry) -> set[str]:
    known = registry.find_labelled_images() | find_annotated_images(registry)
    return registry.find_present_images() - known


def _suggest_conflicts(count: int, otherwise: str) -> str:
    was, waits = (choose_verb_form(count, *forms) for forms in (("was", "were"), ("waits", "wait")))
    return (
        f"{count_noun(count, 'image')} {was} imported under several classes, and {waits} outside "
        f"every version for a person: {_ANSWER}; or go on without: {otherwise}"
    )


def _suggest_answers(count: int, due: str) -> str:
    images = f"{count_noun(count, 'image')} {choose_verb_form(count, 'waits', 'wait')} for a person"
    without = "; or go on without: `ephyra merge`, then `ephyra train`" if due else ""
    return f"{images}: {_ANSWER}{without}"


def _suggest_collecting(workspace: Workspace, due: str) -> str:
    collect, queries = workspace.project.collect, workspace.project.queries
    if not collect.providers:
        merge = "`ephyra merge`, then " if _DIFFERS in due else ""
        train = f"; or {merge}`ephyra train` with what is labelled" if due else ""
        return f"name a provider in ephyra.toml, and look it over with `ephyra check`{train}"
    providers = count_noun(len(collect.providers), "provider")
    if not queries:
        if problems := check_loaded(workspace).problems:
            return f"{count_noun(len(problems), 'problem')} in ephyra.toml: `ephyra check`"
        return f"ask {providers}: `ephyra collect`"
    return f"ask {providers} for {count_noun(len(queries), 'query')}: `ephyra collect`"


def _suggest_training(workspace: Workspace, due: str) -> str:
    if _DIFFERS in due:
        return f"{due}: `ephyra merge`, then `ephyra train`"
    if not workspace.project.train.models:
        return "name a [[train.models]] table in ephyra.toml, then `ephyra train`"
    return f"{due}: `ephyra train`"


def _suggest_nothing(registry: Registry) -> str:
    champion = shorten_hash(find_champion(registry) or "", LEAST_PREFIX)
    return (
        f"nothing is due: `ephyra predict photo.jpg` asks the champion {champion}, and `ephyra "
        "collect` looks for more"
    )


def format_waiting_counts(counts: Mapping[str, int]) -> str:
    """Format counts, for example "214: 155 for review, 59 in the audit's sample"."""
    total = sum(counts.values())
    parts = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return f"{total:,}: {parts}" if len(counts) > 1 else parts or "0"
