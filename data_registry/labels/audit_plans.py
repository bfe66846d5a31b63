"""What each audit certifies, stored before its first answer. Tables are append-only."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from data_registry.labels.class_resolution import load_current_annotations
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """What one audit certifies, and at what risk.

    Attributes:
        audit_id: grows with every plan.
        teacher_id: whose accepted images they are.
        number: of the project's audits, from 1. Of plans with the same number the last one is in
            force; the others were never answered.
        target: precision to certify.
        delta: chance of a false certificate.
    """

    audit_id: int
    teacher_id: str
    number: int
    target: float
    delta: float


def record_audit_plan(
    registry: Registry,
    *,
    teacher_id: str,
    number: int,
    target: float,
    delta: float,
    members: Sequence[tuple[str, str]],
) -> AuditPlan:
    """Record a plan.

    Args:
        registry: where to.
        teacher_id, number, target, delta: see `AuditPlan`.
        members: (SHA-256, class it was accepted as) of all accepted images, in the order in which
            they are to be answered.
    """
    plan = {"teacher_id": teacher_id, "number": number, "target": target, "delta": delta}
    with registry.database.begin_exclusive_transaction() as connection:
        statement = sa.insert(schema.audit_plan).values(**plan, at=now())
        audit_id = connection.scalars(statement.returning(schema.audit_plan.c.audit_id)).one()
        rows = (
            {"audit_id": audit_id, "position": position, "sha256": sha256, "accepted_as": name}
            for position, (sha256, name) in enumerate(members)
        )
        registry.database.add(connection, schema.audit_member, rows)
    return AuditPlan(
        audit_id=audit_id, teacher_id=teacher_id, number=number, target=target, delta=delta
    )


def load_audit_plans(registry: Registry) -> list[AuditPlan]:
    """Load the plans that are in force, the oldest first."""
    table = schema.audit_plan
    names = ("audit_id", "teacher_id", "number", "target", "delta")
    statement = sa.select(*(table.c[name] for name in names)).order_by(table.c.audit_id)
    plans = [AuditPlan(**row._mapping) for row in registry.database.rows(statement)]
    newest = {plan.number: plan.audit_id for plan in plans}
    return [plan for plan in plans if newest[plan.number] == plan.audit_id]


def load_audit_members(registry: Registry, plan: AuditPlan) -> pd.DataFrame:
    """Load a plan's images in their order.

    Returns:
        Columns sha256, accepted_as, drawn (whether a person was asked), answer (NaN where nobody
        has answered).
    """
    member, drawn = schema.audit_member, schema.audit
    asked = sa.and_(drawn.c.sha256 == member.c.sha256, drawn.c.teacher_id == plan.teacher_id)
    statement = (
        sa.select(member.c.sha256, member.c.accepted_as, drawn.c.sha256.is_not(None).label("drawn"))
        .select_from(member.outerjoin(drawn, asked))
        .where(member.c.audit_id == plan.audit_id)
        .order_by(member.c.position)
    )
    answers = load_current_annotations(registry)[["sha256", "class_name"]]
    rows = registry.database.frame(statement).astype({"drawn": bool})
    return rows.merge(answers.rename(columns={"class_name": "answer"}), on="sha256", how="left")


def count_unplanned_audits(registry: Registry) -> int:
    """Count the answered audits of earlier releases, which stored no plan."""
    drawn = schema.audit
    planned = sa.select(schema.audit_plan.c.teacher_id)
    statement = sa.select(drawn.c.teacher_id, drawn.c.sha256)
    rows = registry.database.frame(statement.where(drawn.c.teacher_id.not_in(planned)))
    answered = rows["sha256"].isin(load_current_annotations(registry)["sha256"])
    return int(rows.loc[answered, "teacher_id"].nunique())
