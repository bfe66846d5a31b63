"""Caps against collapse, and a round that learns from people alone, with fresh weights."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from labelled_pictures import Bay, jpeg, labelled, settings

from data_registry.labels.class_resolution import load_current_decisions
from data_registry.labels.decisions import Decision
from data_registry.versions.publishing import publish
from labeling.policy.caps import CLASS_IS_FULL, apply_caps, compute_caps
from labeling.rounds.label import label_pool
from labeling.teacher.labelled import load_labelled_images


def decision(number: int, verdict: str, class_name: str, confidence: float) -> Decision:
    name = f"{number:064d}"
    return Decision(
        sha256=name,
        teacher_id="t",
        policy="p",
        verdict=verdict,
        class_name=class_name,
        confidence=confidence,
        reason="sure",
        detail="words",
    )


def test_copies_do_not_raise_a_cap() -> None:
    images = labelled([0, 0, 0, 1, 1], ["a", "a", "b", "c", "d"])
    assert compute_caps(images, 10) == {"class 0": 20, "class 1": 20}
    assert compute_caps(images, 0.1) == {"class 0": 1, "class 1": 1}


def test_the_surest_stay_and_the_rest_wait_with_the_reason_in_words() -> None:
    made = [decision(n, "accepted", "a", 0.95 + n / 100) for n in range(4)]
    made.append(decision(9, "review", "a", 0.5))
    after = apply_caps(made, {"a": 2})
    assert [item.verdict for item in after] == [
        "review",
        "review",
        "accepted",
        "accepted",
        "review",
    ]
    assert after[0].reason == CLASS_IS_FULL
    assert after[0].detail == "words; the class is full: 2 surer ones of a are accepted"
    assert after[4] == made[4]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.booleans()), max_size=30),
    st.integers(1, 5),
)
def test_no_class_is_accepted_more_often_than_its_cap(
    rows: list[tuple[str, float, bool]], most: int
) -> None:
    made = [
        decision(n, "accepted" if sure else "review", name, confidence)
        for n, (name, confidence, sure) in enumerate(rows)
    ]
    after = apply_caps(made, {"a": most, "b": most})
    before = Counter(item.class_name for item in made if item.verdict == "accepted")
    counts = Counter(item.class_name for item in after if item.verdict == "accepted")
    for name in "ab":
        assert counts[name] == min(before[name], most)
        kept = [i.confidence for i in after if i.class_name == name and i.verdict == "accepted"]
        full = [i.confidence for i in after if i.class_name == name and i.reason == CLASS_IS_FULL]
        assert min(kept, default=1) >= max(full, default=0)
    assert counts["c"] == before["c"]
    assert [item.sha256 for item in after] == [item.sha256 for item in made]


def test_a_pool_of_one_class_does_not_flood_the_set(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set", per_class=8)
    bay.collect([jpeg("blue", 5000 + n) for n in range(20)])
    free = replace(settings(), most_times=0)
    assert label_pool(bay.registry, free).accepted["blue"] > 8
    summary = label_pool(bay.registry, replace(free, most_times=1))
    assert summary.accepted == {"blue": 8}
    rows = load_current_decisions(bay.registry)
    full = rows[rows["reason"] == CLASS_IS_FULL]
    assert len(full) >= 1
    assert full["confidence"].max() <= rows["confidence"][rows["verdict"] == "accepted"].min()


def test_what_the_machine_accepted_teaches_no_teacher(bay: Bay, tmp_path: Path) -> None:
    """However many rounds there are, each begins with fresh weights and people's words alone."""
    bay.label(tmp_path / "set")
    bay.collect([jpeg("blue", 5000 + n) for n in range(6)])
    first = label_pool(bay.registry, settings())
    assert sum(first.accepted.values()) >= 3
    learnt = load_labelled_images(bay.registry)
    publish(bay.registry, {})
    second = label_pool(bay.registry, settings())
    again = load_labelled_images(bay.registry)
    assert again.sha256 == learnt.sha256
    assert np.array_equal(again.classes, learnt.classes)
    assert (second.teacher_id, second.new_decisions) == (first.teacher_id, 0)
