"""What an audit certifies is stored before its first answer and never changes."""

import pytest
import sqlalchemy as sa
from labelled_pictures import Bay

from data_registry.errors import RuleError
from data_registry.labels.annotations import Annotation, record_annotations, record_audit
from data_registry.labels.audit_plans import (
    AuditPlan,
    count_unplanned_audits,
    load_audit_members,
    load_audit_plans,
    record_audit_plan,
)
from data_registry.labels.decisions import record_teacher
from data_registry.registry import Registry
from data_registry.storage import schema

TEACHER, EARLIER = "t" * 64, "e" * 64


@pytest.fixture
def bay(registry: Registry) -> Bay:
    record_teacher(registry, TEACHER, {})
    record_teacher(registry, EARLIER, {})
    return Bay(registry)


def record_plan(bay: Bay, names: list[str], number: int = 1) -> AuditPlan:
    return record_audit_plan(
        bay.registry,
        teacher_id=TEACHER,
        number=number,
        target=0.95,
        delta=0.05,
        members=[(name, "blue") for name in names],
    )


def test_members_come_back_in_their_order_with_what_was_drawn_and_answered(bay: Bay) -> None:
    names = bay.record_without_pixels(4)[::-1]
    plan = record_plan(bay, names)
    record_audit(bay.registry, TEACHER, [(names[0], "blue"), (names[2], "blue")])
    record_audit(bay.registry, EARLIER, [(names[1], "blue")])
    answer = Annotation(sha256=names[2], class_name="red", person="ann", purpose="audit")
    record_annotations(bay.registry, [answer])
    members = load_audit_members(bay.registry, plan)
    assert members["sha256"].tolist() == names
    assert members["drawn"].tolist() == [True, False, True, False]
    assert members["answer"].fillna("").tolist() == ["", "", "red", ""]


def test_of_plans_with_one_number_the_last_is_in_force(bay: Bay) -> None:
    names = bay.record_without_pixels(3)
    record_plan(bay, names)
    second, third = record_plan(bay, names[:2]), record_plan(bay, names[1:], number=2)
    assert load_audit_plans(bay.registry) == [second, third]


def test_a_plan_is_never_changed(bay: Bay) -> None:
    record_plan(bay, bay.record_without_pixels(2))
    for table in (schema.audit_plan, schema.audit_member):
        with (
            pytest.raises(RuleError, match="append-only"),
            bay.registry.database.transaction() as connection,
        ):
            connection.execute(sa.delete(table))


def test_answered_audits_of_earlier_releases_are_counted(bay: Bay) -> None:
    names = bay.record_without_pixels(3)
    record_plan(bay, names)
    record_audit(bay.registry, TEACHER, [(names[0], "blue")])
    record_audit(bay.registry, EARLIER, [(names[1], "blue")])
    assert count_unplanned_audits(bay.registry) == 0
    for name in names[:2]:
        answer = Annotation(sha256=name, class_name="blue", person="ann", purpose="audit")
        record_annotations(bay.registry, [answer])
    assert count_unplanned_audits(bay.registry) == 1
