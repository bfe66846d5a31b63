"""Predictions of teachers and decisions of the policy. Tables are append-only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from data_registry.labels.class_resolution import load_current_decisions
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now

# What a decision's evidence may hold.
# teacher_confidence: calibrated probability of the class. chance_any_class: that the image shows
# any class at all; chance_right: that it shows this one, queries weighed; both estimated.
# gate_distance and gate_bound: cosine distance to the nearest labelled image, and the most that
# passes. query_classes: of the queries that found it; query_agrees: whether this class is one of
# them. copy_of: the better image of its group. probabilities: of all classes, as JSON.
EVIDENCE = (
    "teacher_confidence",
    "chance_any_class",
    "chance_right",
    "gate_distance",
    "gate_bound",
    "query_classes",
    "query_agrees",
    "copy_of",
    "probabilities",
)
_COMPARED_COLUMNS = ("teacher_id", "policy", "verdict", "class_name", "reason")


@dataclass(frozen=True)
class Prediction:
    """A teacher's calibrated probabilities for one image.

    Attributes:
        probabilities: class name to calibrated probability; they sum to 1.
        gate_distance: how far from the labelled images, see `labeling.teacher.gate`.
    """

    sha256: str
    probabilities: Mapping[str, float]
    gate_distance: float

    @property
    def class_name(self) -> str:
        """The most probable class; of equals the first by name."""
        return min(self.probabilities, key=lambda name: (-self.probabilities[name], name))

    @property
    def confidence(self) -> float:
        """The calibrated probability of the most probable class."""
        return self.probabilities[self.class_name]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The policy's decision about one image.

    Attributes:
        policy: the policy's name and settings in words.
        verdict: accepted, review or rejected.
        reason: a short name such as ``below-threshold``.
        detail: the reason in words, with its numbers.
        evidence: all numbers that spoke for or against it, by name.
    """

    sha256: str
    teacher_id: str
    policy: str
    verdict: str
    class_name: str
    confidence: float
    reason: str
    detail: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def record_teacher(registry: Registry, teacher_id: str, card: Mapping[str, Any]) -> None:
    """Record a teacher's card under its id."""
    with registry.database.transaction() as connection:
        row = {"teacher_id": teacher_id, "card": dict(card), "at": now()}
        registry.database.add(connection, schema.teacher, [row])


def load_teacher_card(registry: Registry, teacher_id: str) -> Mapping[str, Any] | None:
    """Load a teacher's card; None where the teacher is unknown."""
    statement = sa.select(schema.teacher.c.card).where(schema.teacher.c.teacher_id == teacher_id)
    rows = registry.database.rows(statement)
    return rows[0].card if rows else None


def record_predictions(
    registry: Registry, teacher_id: str, predictions: Iterable[Prediction]
) -> None:
    """Record predictions; those that the teacher made before are skipped."""
    at = now()
    rows = (
        {
            "teacher_id": teacher_id,
            "sha256": item.sha256,
            "class_name": item.class_name,
            "confidence": item.confidence,
            "probabilities": dict(item.probabilities),
            "gate_distance": item.gate_distance,
            "at": at,
        }
        for item in predictions
    )
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.prediction, rows)


def load_predictions(registry: Registry, teacher_id: str) -> dict[str, Prediction]:
    """Load a teacher's predictions by SHA-256."""
    table = schema.prediction
    statement = sa.select(table.c.sha256, table.c.probabilities, table.c.gate_distance)
    rows = registry.database.rows(statement.where(table.c.teacher_id == teacher_id))
    return {
        row.sha256: Prediction(row.sha256, row.probabilities, row.gate_distance) for row in rows
    }


def record_decisions(registry: Registry, decisions: Sequence[Decision]) -> int:
    """Append the decisions that differ from the current one of their image.

    Returns:
        How many were new.
    """
    current = load_current_decisions(registry)
    held = dict(
        zip(
            current["sha256"],
            current[list(_COMPARED_COLUMNS)].itertuples(index=False, name=None),
            strict=True,
        )
    )
    new = [
        decision
        for decision in decisions
        if held.get(decision.sha256) != tuple(getattr(decision, k) for k in _COMPARED_COLUMNS)
    ]
    if new:
        with registry.database.begin_exclusive_transaction() as connection:
            _append_decisions(connection, new)
    return len(new)


def load_decision_evidence(registry: Registry) -> dict[int, Mapping[str, Any]]:
    """Load the evidence of each decision by `decision_id`."""
    table = schema.decision_evidence
    rows = registry.database.rows(sa.select(table.c.decision_id, table.c.facts))
    return {row.decision_id: row.facts for row in rows}


def _append_decisions(connection: sa.Connection, decisions: Sequence[Decision]) -> None:
    at, table = now(), schema.decision
    last = connection.scalar(sa.select(sa.func.max(table.c.decision_id))) or 0
    facts = {item.sha256: dict(item.evidence) for item in decisions}
    rows = [{**vars(item), "at": at} for item in decisions]
    connection.execute(sa.insert(table), [_drop_evidence(row) for row in rows])
    written = sa.select(table.c.decision_id, table.c.sha256).where(table.c.decision_id > last)
    connection.execute(
        sa.insert(schema.decision_evidence),
        [
            {"decision_id": row.decision_id, "facts": facts[row.sha256]}
            for row in connection.execute(written)
        ],
    )


def _drop_evidence(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in row.items() if name != "evidence"}
