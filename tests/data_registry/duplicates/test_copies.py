"""Which of several copies is the best, and what becomes of the others."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from data_registry.duplicates.copies import find_duplicate_sets, rank_duplicates
from data_registry.duplicates.grouping import update_groups
from data_registry.duplicates.pair_annotations import (
    CANNOT_LINK,
    MUST_LINK,
    PairAnnotation,
    record_pair_annotation,
)
from data_registry.history.image_history import load_image_history
from data_registry.history.image_lookup import ImageReference
from data_registry.images.records import CollectedImage, FetchAttempt, ImageRecord, Source
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.pool import load_pool, load_pool_queries
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.verification.digest import compute_canonical_digest
from data_registry.versions.draft import DUPLICATE, draft_manifest
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits


def name_of(number: int) -> str:
    return f"{number:064x}"


def collect(
    registry: Registry, number: int, side: int = 64, size: int = 100, licence: str = ""
) -> None:
    nothing = np.zeros(8, np.uint64)
    image = ImageRecord(
        sha256=name_of(number),
        format="jpeg",
        width=side,
        height=64,
        byte_count=size,
        phash=nothing,
        dhash=nothing,
    )
    source = Source(provider="web", url=f"u{number}", query=f"query {number}", licence=licence)
    attempt = FetchAttempt(source=source, outcome="stored", sha256=name_of(number))
    registry.record_collected([CollectedImage(attempt, image)])


def label(registry: Registry, number: int) -> None:
    row = {"sha256": name_of(number), "class_name": "a", "path": f"a/{number}", "at": now()}
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.label, [{**row, "given_split": "train"}])


def link(registry: Registry, *pairs: tuple[int, int], method: str = "hash") -> None:
    rows = [
        {"first": name_of(a), "second": name_of(b), "method": method, "distance": 1, "at": now()}
        for a, b in pairs
    ]
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.group_link, rows)


def accept(registry: Registry, *numbers: int) -> None:
    record_teacher(registry, "t", {})
    decisions = [
        Decision(
            sha256=name_of(n),
            teacher_id="t",
            policy="p",
            verdict="accepted",
            class_name="a",
            confidence=0.99,
            reason="sure",
            detail="",
        )
        for n in numbers
    ]
    record_decisions(registry, decisions)


def in_order(registry: Registry) -> list[int]:
    ranked = rank_duplicates(registry, sorted(registry.find_known_images()))
    assert ranked["copies"].nunique() == 1
    return [int(name, 16) for name in ranked["sha256"]]


def taught(registry: Registry) -> set[int]:
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    rows = draft_manifest(registry)
    out = rows[rows["split"] != "train"]
    assert set(out["reason"]) <= {DUPLICATE}
    return {int(name, 16) for name in rows["sha256"][rows["split"] == "train"]}


def six(registry: Registry, order: tuple[int, ...]) -> None:
    """Draw copies of one photograph; the smaller the number, the better."""
    making = {
        1: lambda: (collect(registry, 1), label(registry, 1)),
        2: lambda: (collect(registry, 2), record_annotations(registry, [said])),
        3: lambda: collect(registry, 3, licence="CC BY 4.0"),
        4: lambda: collect(registry, 4, side=900),
        5: lambda: collect(registry, 5, side=90, size=900),
        6: lambda: collect(registry, 6, side=90),
    }
    said = Annotation(sha256=name_of(2), class_name="a", person="ada")
    for number in order:
        making[number]()
    link(registry, *((a, b) for a in range(1, 7) for b in range(a + 1, 7)))


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1), (3, 6, 1, 5, 2, 4)])
def test_label_then_answer_licence_resolution_bytes(
    registry: Registry, order: tuple[int, ...]
) -> None:
    six(registry, order)
    assert in_order(registry) == [1, 2, 3, 4, 5, 6]


def test_equal_copies_are_told_apart_by_their_names_in_any_order(tmp_path: Path) -> None:
    outcomes = set()
    for number, order in enumerate(permutations((7, 8, 9))):
        with Registry.open(tmp_path / str(number)) as registry:
            for each in order:
                collect(registry, each)
                accept(registry, each)
            link(registry, (8, 9), (7, 8))
            assert taught(registry) == {7}
            outcomes.add(compute_canonical_digest(registry))
    assert len(outcomes) == 1


def test_of_collected_copies_only_the_best_teaches_and_none_beside_a_labelled_one(
    registry: Registry,
) -> None:
    six(registry, (2, 3, 4, 5, 6, 1))
    accept(registry, 3, 4, 5, 6)
    collect(registry, 10)
    collect(registry, 11, side=80)
    link(registry, (10, 11))
    accept(registry, 10, 11)
    assert taught(registry) == {1, 11}


def test_a_series_and_an_augmented_family_are_no_copies(registry: Registry) -> None:
    collect(registry, 1)
    label(registry, 1)
    collect(registry, 2)
    collect(registry, 3)
    accept(registry, 2, 3)
    link(registry, (1, 2), method="name")
    link(registry, (2, 3), method="features")
    assert find_duplicate_sets(registry) == {}
    assert taught(registry) == {1, 2, 3}
    assert set(load_pool(registry)["copy_of"]) == {""}


def test_a_person_says_what_is_a_copy(registry: Registry) -> None:
    for number in (1, 2, 3):
        collect(registry, number)
    accept(registry, 1, 2, 3)
    link(registry, (1, 2))
    record_pair_annotation(
        registry,
        PairAnnotation(first=name_of(1), second=name_of(2), says=CANNOT_LINK, person="ada"),
    )
    record_pair_annotation(
        registry, PairAnnotation(first=name_of(3), second=name_of(2), says=MUST_LINK, person="ada")
    )
    assert taught(registry) == {1, 2}


def test_the_others_stay_known_and_count_as_sources(registry: Registry) -> None:
    collect(registry, 1, side=90)
    collect(registry, 2)
    link(registry, (1, 2))
    update_groups(registry)
    both = ("query 1", "query 2")
    assert load_pool_queries(registry) == {name_of(1): both, name_of(2): both}
    pool = load_pool(registry).set_index("sha256")
    assert list(pool["copy_of"]) == ["", name_of(1)]
    told = [
        event.detail for event in load_image_history(registry, ImageReference(name_of(1))).events
    ]
    assert any(words.startswith(f"as its duplicate {name_of(2)[:12]}: by web") for words in told)
