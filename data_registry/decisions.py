"""What teachers predicted and what the policy made of it. Rows are only ever added."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from data_registry import schema
from data_registry.database import now
from data_registry.registry import Registry
from data_registry.resolve import current_decisions

_WHAT_WAS_DECIDED = ("teacher_id", "policy", "verdict", "class_name", "reason")


@dataclass(frozen=True)
class Prediction:
    """A teacher's calibrated opinion of one image.

    Attributes:
        probabilities: class name to calibrated probability; they sum to 1.
        gate_distance: how far from the labelled images, see `labeling.gate`.
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
        """Its probability."""
        return self.probabilities[self.class_name]


@dataclass(frozen=True)
class Decision:
    """What the policy made of a prediction.

    Attributes:
        policy: the policy's name and settings in words.
        verdict: accepted, review or rejected.
        reason: a short name such as ``below-threshold``.
        detail: the reason in words, with its numbers.
    """

    sha256: str
    teacher_id: str
    policy: str
    verdict: str
    class_name: str
    confidence: float
    reason: str
    detail: str


def record_teacher(registry: Registry, teacher_id: str, card: Mapping[str, Any]) -> None:
    """Keep a teacher's card under its id."""
    with registry.database.transaction() as connection:
        row = {"teacher_id": teacher_id, "card": dict(card), "at": now()}
        registry.database.add(connection, schema.teacher, [row])


def teacher_card(registry: Registry, teacher_id: str) -> Mapping[str, Any] | None:
    """A teacher's card, or None where it is unknown."""
    statement = sa.select(schema.teacher.c.card).where(schema.teacher.c.teacher_id == teacher_id)
    rows = registry.database.rows(statement)
    return rows[0].card if rows else None


def record_predictions(
    registry: Registry, teacher_id: str, predictions: Iterable[Prediction]
) -> None:
    """Keep predictions; one that this teacher made before is passed over."""
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


def predictions_of(registry: Registry, teacher_id: str) -> dict[str, Prediction]:
    """What a teacher predicted so far, by SHA-256."""
    table = schema.prediction
    statement = sa.select(table.c.sha256, table.c.probabilities, table.c.gate_distance)
    rows = registry.database.rows(statement.where(table.c.teacher_id == teacher_id))
    return {
        row.sha256: Prediction(row.sha256, row.probabilities, row.gate_distance) for row in rows
    }


def record_decisions(registry: Registry, decisions: Sequence[Decision]) -> int:
    """Append the decisions that differ from the one that holds for their image.

    Returns:
        How many were new.
    """
    current = current_decisions(registry)
    held = dict(
        zip(
            current["sha256"],
            current[list(_WHAT_WAS_DECIDED)].itertuples(index=False, name=None),
            strict=True,
        )
    )
    at = now()
    new = [
        {**vars(decision), "at": at}
        for decision in decisions
        if held.get(decision.sha256) != tuple(getattr(decision, k) for k in _WHAT_WAS_DECIDED)
    ]
    if new:
        with registry.database.transaction() as connection:
            connection.execute(sa.insert(schema.decision), new)
    return len(new)
