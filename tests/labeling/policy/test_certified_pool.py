"""The policy `certified` in a registry: evidence, answers that teach, audits kept apart."""

from dataclasses import replace
from pathlib import Path

import pytest
from labelled_pictures import TINTS, TINY, Bay, jpeg, settings, unlike_anything

from data_registry.errors import InputError
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.labels.review_queue import load_question_ranks
from data_registry.verification.digest import compute_canonical_digest
from data_registry.versions.publishing import publish
from labeling.audit.audit import (
    draw_audit,
    load_audit_result,
    load_certified_bound,
    load_valid_sample,
)
from labeling.review.queue import load_waiting_images
from labeling.rounds.label import label_pool
from labeling.teacher.labelled import (
    find_withheld_answers,
    load_labelled_images,
    load_none_of_the_classes,
)
from labeling.teacher.teacher_spec import TeacherSpec

POOL = 25  # of each tint, and of none


@pytest.fixture
def open_bay(bay: Bay, tmp_path: Path) -> Bay:
    """48 labelled for train, and a pool of 100."""
    bay.label(tmp_path / "set", per_class=16)
    for index, name in enumerate(TINTS):
        bay.collect([jpeg(name, 5000 + index * 100 + n) for n in range(POOL)])
    bay.collect([unlike_anything(n) for n in range(POOL)])
    return bay


def test_the_decisions_say_what_they_rest_on_and_doing_it_again_changes_nothing(
    open_bay: Bay,
) -> None:
    registry = open_bay.registry
    summary = label_pool(registry, settings(threshold=0.8))
    rows = load_current_decisions(registry)
    accepted = rows[rows["verdict"] == "accepted"]
    assert len(accepted) > 40
    assert accepted["policy"].str.startswith("certified 0.95: least chance 0.").all()
    assert accepted["detail"].str.contains("one of the classes at").all()
    assert accepted["confidence"].mean() >= 0.95 == summary.target
    assert summary.estimated == pytest.approx(accepted["confidence"].mean())
    assert summary.known_share == pytest.approx(0.75, abs=0.1)
    digest, order = compute_canonical_digest(registry), load_question_ranks(registry)
    assert label_pool(registry, settings(threshold=0.8)).new_decisions == 0
    assert compute_canonical_digest(registry) == digest
    assert load_question_ranks(registry) == order


def test_audit_answers_do_not_teach_until_a_version_holds_them(open_bay: Bay) -> None:
    registry = open_bay.registry
    first = label_pool(registry, settings(threshold=0.8))
    before = load_current_decisions(registry).set_index("sha256")["verdict"].to_dict()
    draw_audit(registry, 10)
    sample = load_valid_sample(registry, first.teacher_id)
    said = list(zip(sample["sha256"], sample["accepted_as"], strict=True))
    words = [
        Annotation(sha256=name, class_name=shown, person="ann", purpose="audit")
        for name, shown in said[1:]
    ]
    record_annotations(
        registry,
        [*words, Annotation(sha256=said[0][0], class_name="", person="ann", purpose="audit")],
    )
    assert find_withheld_answers(registry) == {name for name, _ in said}
    second = label_pool(registry, settings(threshold=0.8))
    assert second.teacher_id == first.teacher_id
    assert load_current_decisions(registry).set_index("sha256")["verdict"].to_dict() == before
    assert load_audit_result(registry, first.teacher_id).complete
    publish(registry, {})
    assert find_withheld_answers(registry) == set()
    assert len(load_labelled_images(registry)) == 48 + 9
    assert load_none_of_the_classes(registry) == [said[0][0]]
    assert label_pool(registry, settings(threshold=0.8)).teacher_id != first.teacher_id


def test_a_failed_audit_is_not_drawn_larger(open_bay: Bay) -> None:
    registry = open_bay.registry
    teacher = label_pool(registry, settings(threshold=0.8)).teacher_id
    draw_audit(registry, 20)
    sample = load_valid_sample(registry, teacher)
    record_annotations(
        registry,
        [
            Annotation(sha256=n, class_name="", person="ann", purpose="audit")
            for n in sample["sha256"]
        ],
    )
    assert load_certified_bound(registry, teacher, 0.95) is None
    with pytest.raises(
        InputError, match=r"this audit has failed: 20 of the .* 0.95 allows .* an audit of its own"
    ):
        draw_audit(registry, 40)


def test_what_an_audit_certified_stands(open_bay: Bay) -> None:
    registry = open_bay.registry
    teacher = label_pool(registry, settings(threshold=0.8)).teacher_id
    rows = load_current_decisions(registry)
    accepted = rows[rows["verdict"] == "accepted"]
    drawn = draw_audit(registry, len(accepted))
    assert drawn >= 59 - 15
    sample = load_valid_sample(registry, teacher)
    right = zip(sample["sha256"], sample["accepted_as"], strict=True)
    record_annotations(
        registry,
        [Annotation(sha256=n, class_name=c, person="ann", purpose="audit") for n, c in right],
    )
    bound = load_certified_bound(registry, teacher, 0.9)
    assert bound == accepted["confidence"].min()
    assert load_audit_result(registry, teacher).all_hold == pytest.approx(0.95)
    label_pool(registry, settings(threshold=0.8))
    assert load_audit_result(registry, teacher).complete


def test_queue_answers_teach_and_leave_the_queue(open_bay: Bay) -> None:
    registry = open_bay.registry
    first = label_pool(registry, settings(threshold=0.8))
    queue = load_waiting_images(registry)
    assert set(load_question_ranks(registry)) <= set(queue["sha256"])
    asked = queue["sha256"].iloc[0]
    record_annotations(
        registry, [Annotation(sha256=asked, class_name="", person="ann", purpose="review")]
    )
    assert load_none_of_the_classes(registry) == [asked]
    second = label_pool(registry, settings(threshold=0.8))
    assert second.pool == first.pool - 1
    assert asked not in set(load_waiting_images(registry)["sha256"])


def test_several_backbones_are_one_teacher(open_bay: Bay) -> None:
    both = TeacherSpec(TINY, folds=3, further=(replace(TINY, seed=1),), gate_quantile=0.99)
    one = label_pool(open_bay.registry, settings(threshold=0.8))
    two = label_pool(open_bay.registry, settings(threshold=0.8, teacher=both))
    assert one.teacher_id != two.teacher_id
    assert len(two.card["backbones"]) == 2
    assert label_pool(open_bay.registry, settings(threshold=0.8, teacher=both)).new_decisions == 0
