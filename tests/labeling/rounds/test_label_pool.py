from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from labelled_pictures import (
    TINTS,
    TINY,
    Bay,
    jpeg,
    picture,
    settings,
    smaller_copy,
    unlike_anything,
)

import labeling.rounds.round
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.labels.decisions import load_predictions, load_teacher_card
from data_registry.progress import SilentProgress
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.verification.digest import compute_canonical_digest
from labeling.rounds.label import label_pool
from labeling.teacher.teacher_spec import TeacherSpec


def decided(registry: Registry) -> dict[str, tuple[str, str, str]]:
    rows = load_current_decisions(registry)
    columns = ["verdict", "reason", "class_name"]
    return dict(zip(rows["sha256"], rows[columns].itertuples(index=False, name=None), strict=True))


def decision_rows(registry: Registry) -> list[tuple[object, ...]]:
    statement = sa.select(schema.decision).order_by(schema.decision.c.decision_id)
    return [tuple(row) for row in registry.database.rows(statement)]


def collected(bay: Bay, count: int = 4) -> dict[str, list[str]]:
    """`count` more pictures of each tint, and `count` of none."""
    found = {
        name: bay.collect([jpeg(name, 5000 + index * 100 + n) for n in range(count)])
        for index, name in enumerate(TINTS)
    }
    return found | {"": bay.collect([unlike_anything(n) for n in range(count)])}


@pytest.fixture
def full_bay(bay: Bay, tmp_path: Path) -> Bay:
    bay.label(tmp_path / "set")
    return bay


def test_the_pool_is_accepted_reviewed_or_rejected_and_counted(full_bay: Bay) -> None:
    pool = collected(full_bay)
    summary = label_pool(full_bay.registry, settings())
    found = decided(full_bay.registry)
    assert summary.pool == summary.new_decisions == len(found) == 16
    assert summary.verdicts == dict(Counter(verdict for verdict, _, _ in found.values()))
    assert summary.reasons == dict(Counter(reason for _, reason, _ in found.values()))
    accepted = [name for verdict, _, name in found.values() if verdict == "accepted"]
    assert summary.accepted == dict(Counter(accepted))
    for class_name in TINTS:
        assert {found[name][2] for name in pool[class_name]} == {class_name}
    assert sum(summary.accepted.values()) >= 8
    assert {found[name][:2] for name in pool[""]} == {("rejected", "unlike-labelled")}


def test_every_number_of_the_card_rests_on_the_labelled_images(full_bay: Bay) -> None:
    collected(full_bay, count=1)
    summary = label_pool(full_bay.registry, settings(threshold=0.8))
    card = summary.card["out_of_fold"]
    assert (card["images"], card["groups"], card["folds"]) == (24, 24, 3)
    assert card["classes"] == sorted(TINTS)
    assert card["threshold"] == 0.8
    assert card["accepted_right"] <= card["accepted"] <= 24
    # All 24 are right, and 24 images cannot show that nothing ever goes wrong.
    assert card["log_loss"] > 0.75 / 25 / 2
    assert card["accuracy"] > 0.8
    assert load_teacher_card(full_bay.registry, summary.teacher_id) == summary.card


def test_predictions_are_probabilities(full_bay: Bay) -> None:
    pool = collected(full_bay, count=2)
    summary = label_pool(full_bay.registry, settings())
    predictions = load_predictions(full_bay.registry, summary.teacher_id)
    assert set(predictions) == {name for names in pool.values() for name in names}
    for prediction in predictions.values():
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-9)
        assert set(prediction.probabilities) == set(TINTS)


def test_copies_of_held_out_and_train_images_are_rejected_with_the_reason(full_bay: Bay) -> None:
    # 0-7 are train, 8-9 val, 10-11 test.
    copies = {"train": 0, "val": 8, "test": 10}
    names = {
        split: full_bay.collect([smaller_copy(picture("red", seed))])[0]
        for split, seed in copies.items()
    }
    large, small = jpeg("blue", 77), smaller_copy(jpeg("blue", 77))
    kept, dropped = full_bay.collect([large, small])
    summary = label_pool(full_bay.registry, settings())
    rows = load_current_decisions(full_bay.registry).set_index("sha256")
    for split, name in names.items():
        assert tuple(rows.loc[name, ["verdict", "reason"]]) == ("rejected", "copy")
        assert rows.loc[name, "detail"].endswith(f" in {split}")
    assert rows.loc[dropped, "detail"] == f"copy or near-copy of {kept[:12]} in pool"
    assert rows.loc[kept, "reason"] != "copy"
    assert summary.reasons["copy"] == 4


def test_twice_adds_nothing(full_bay: Bay) -> None:
    collected(full_bay)
    first = label_pool(full_bay.registry, settings())
    rows, digest = decision_rows(full_bay.registry), compute_canonical_digest(full_bay.registry)
    again = label_pool(full_bay.registry, settings())
    assert again == replace(first, new_decisions=0)
    assert decision_rows(full_bay.registry) == rows
    assert compute_canonical_digest(full_bay.registry) == digest


def test_another_threshold_appends_and_keeps_the_old_rows(full_bay: Bay) -> None:
    collected(full_bay)
    strict = label_pool(full_bay.registry, settings(threshold=0.999999))
    rows, digest = decision_rows(full_bay.registry), compute_canonical_digest(full_bay.registry)
    loose = label_pool(full_bay.registry, settings(threshold=0.5))
    assert loose.teacher_id == strict.teacher_id
    assert loose.new_decisions == 16
    assert decision_rows(full_bay.registry)[: len(rows)] == rows
    assert sum(loose.accepted.values()) > sum(strict.accepted.values())
    assert compute_canonical_digest(full_bay.registry) != digest
    label_pool(full_bay.registry, settings(threshold=0.999999))
    assert compute_canonical_digest(full_bay.registry) == digest


def prediction_rows(registry: Registry) -> dict[str, tuple[object, ...]]:
    rows = registry.database.rows(sa.select(schema.prediction))
    return {row.sha256: tuple(row) for row in rows}


class KilledError(Exception):
    pass


class KilledWhilePredicting(SilentProgress):
    """Ends the run once the second shard of predictions is written."""

    def __init__(self) -> None:
        self.at, self.shards = "", 0

    def start(self, what: str, total: int | None) -> None:
        self.at = what

    def advance(self, count: int = 1) -> None:
        self.shards += self.at == "predicting"
        if self.shards == 2:
            raise KilledError


def test_a_killed_run_continues_where_it_ended(
    full_bay: Bay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labeling.rounds.round, "SHARD", 5)
    collected(full_bay)
    with Registry.open(tmp_path / "undisturbed") as undisturbed:
        other = Bay(undisturbed)
        other.label(tmp_path / "set")
        collected(other)
        label_pool(undisturbed, settings())
        digest = compute_canonical_digest(undisturbed)

    registry = full_bay.registry
    with pytest.raises(KilledError):
        label_pool(registry, settings(), KilledWhilePredicting())
    before = prediction_rows(registry)
    assert len(before) == 10
    assert decision_rows(registry) == []
    summary = label_pool(registry, settings())
    after = prediction_rows(registry)
    assert len(after) == 16
    assert all(after[name] == row for name, row in before.items())
    assert summary.new_decisions == 16
    assert compute_canonical_digest(registry) == digest


def test_a_query_for_another_class_sends_it_to_review(full_bay: Bay) -> None:
    pictures = [jpeg("red", 5000 + n) for n in range(4)]
    disagreeing = full_bay.collect(pictures[:2], query="green jelly")
    agreeing = full_bay.collect(pictures[2:], query="red jelly")
    queries = {"green jelly": "green", "red jelly": "red"}
    label_pool(full_bay.registry, settings(threshold=0.5, class_of_query=queries))
    found = decided(full_bay.registry)
    assert {found[name][:2] for name in disagreeing} == {("review", "query-disagrees")}
    assert {found[name][:2] for name in agreeing} == {("accepted", "sure")}
    # One more query that agrees is enough.
    full_bay.collect(pictures[:1], query="red jelly")
    label_pool(full_bay.registry, settings(threshold=0.5, class_of_query=queries))
    assert decided(full_bay.registry)[disagreeing[0]][:2] == ("accepted", "sure")


def test_an_empty_pool(full_bay: Bay) -> None:
    summary = label_pool(full_bay.registry, settings())
    assert (summary.pool, summary.verdicts, summary.new_decisions) == (0, {}, 0)


def test_answered_images_leave_the_pool_and_teach(full_bay: Bay) -> None:
    pool = collected(full_bay, count=2)
    first = label_pool(full_bay.registry, settings())
    record_annotations(
        full_bay.registry, [Annotation(sha256=pool["red"][0], class_name="red", person="ann")]
    )
    second = label_pool(full_bay.registry, settings())
    assert second.pool == first.pool - 1
    assert second.teacher_id != first.teacher_id
    assert second.card["out_of_fold"]["images"] == 25


class Steps(SilentProgress):
    """Counts what was trained."""

    def __init__(self) -> None:
        self.trainings = 0

    def start(self, what: str, total: int | None) -> None:
        self.trainings += what == "training"


def test_finetuned_members_are_found_again_and_say_the_same(full_bay: Bay) -> None:
    collected(full_bay, count=2)
    teacher = TeacherSpec(TINY, mode="finetune", folds=2, epochs=1, learning_rate=1e-3)
    registry, steps = full_bay.registry, Steps()
    first = label_pool(registry, settings(teacher=teacher), steps)
    members = registry.files.list(f"teachers/{first.teacher_id}")
    assert (steps.trainings, len(members)) == (2, 2)
    # A later image is predicted by the members as they were kept.
    (late,) = full_bay.collect([jpeg("red", 5999)])
    again = Steps()
    second = label_pool(registry, settings(teacher=teacher), again)
    assert again.trainings == 0
    assert registry.files.list(f"teachers/{first.teacher_id}") == members
    assert (second.teacher_id, second.card) == (first.teacher_id, first.card)
    assert second.new_decisions == 1

    # One member lost: it is fitted again, and all of them predict what they predicted before.
    said = load_predictions(registry, first.teacher_id)[late]
    path = registry.files.build_local_path(members[0])
    assert path is not None
    path.unlink()
    third = label_pool(registry, settings(teacher=teacher), again)
    assert (again.trainings, third.card) == (1, first.card)
    assert load_predictions(registry, first.teacher_id)[late] == said
