"""A person's "same" and "not the same" beat what machines found, and contradictions are told."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from data_registry.duplicates.grouping import load_groups, update_groups
from data_registry.duplicates.pair_annotations import (
    CANNOT_LINK,
    MUST_LINK,
    PairAnnotation,
    load_pair_annotations,
    record_pair_annotation,
)
from data_registry.duplicates.reported_groups import ChainLink, find_reported_groups
from data_registry.errors import InputError, RuleError
from data_registry.history.image_history import load_image_history
from data_registry.history.image_lookup import ImageReference
from data_registry.images.records import ImageRecord
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.verification.digest import compute_canonical_digest


def name_of(number: int) -> str:
    return f"{number:064x}"


def link(registry: Registry, *links: tuple[int, int, str, float]) -> None:
    rows = [
        {"first": name_of(a), "second": name_of(b), "method": how, "distance": far, "at": now()}
        for a, b, how, far in links
    ]
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.group_link, rows)


def label(registry: Registry, number: int, class_name: str) -> None:
    row = {"sha256": name_of(number), "class_name": class_name, "path": f"{class_name}/{number}"}
    with registry.database.transaction() as connection:
        rows = [{**row, "given_split": "", "at": now()}]
        registry.database.add(connection, schema.label, rows)


def say(registry: Registry, one: int, other: int, says: str, person: str = "ada") -> bool:
    return record_pair_annotation(
        registry,
        PairAnnotation(first=name_of(one), second=name_of(other), says=says, person=person),
    )


def together(registry: Registry, one: int, other: int) -> bool:
    update_groups(registry)
    groups = load_groups(registry)
    return groups[name_of(one)] == groups[name_of(other)]


@pytest.fixture
def ten(registry: Registry) -> Registry:
    """Images 1 to 10, tied to nothing."""
    nothing = np.zeros(8, np.uint64)
    images = [
        ImageRecord(
            sha256=name_of(n),
            format="jpeg",
            width=64,
            height=64,
            byte_count=100,
            phash=nothing,
            dhash=nothing,
        )
        for n in range(1, 11)
    ]
    with registry.database.transaction() as connection:
        registry.record_images(connection, images, now())
    return registry


def test_not_the_same_cuts_every_direct_link(ten: Registry) -> None:
    link(ten, (1, 2, "hash", 0), (1, 2, "features", 0.01), (1, 2, "name", 0))
    assert together(ten, 1, 2)
    assert say(ten, 2, 1, CANNOT_LINK)
    assert not together(ten, 1, 2)
    member = schema.group_member
    (row,) = ten.database.rows(sa.select(member).where(member.c.sha256 == name_of(1)))
    assert (row.method, row.distance) == ("alone", 0)


def test_same_ties_what_no_machine_found(ten: Registry) -> None:
    assert not together(ten, 3, 9)
    say(ten, 9, 3, MUST_LINK)
    assert together(ten, 3, 9)
    assert update_groups(ten).links == {"person": 1}


def test_the_last_word_holds_and_every_word_is_kept(ten: Registry) -> None:
    link(ten, (1, 2, "hash", 3))
    assert say(ten, 1, 2, CANNOT_LINK)
    assert not say(ten, 2, 1, CANNOT_LINK)  # said again in other order: nothing new
    assert say(ten, 1, 2, CANNOT_LINK, "grace")
    assert say(ten, 1, 2, MUST_LINK)
    assert together(ten, 1, 2)
    assert len(ten.database.rows(sa.select(schema.copy_word))) == 3
    (word,) = load_pair_annotations(ten).to_dict("records")
    assert (word["says"], word["person"]) == (MUST_LINK, "ada")


def test_words_are_append_only_and_about_two_images(ten: Registry) -> None:
    with pytest.raises(InputError, match="both name the image"):
        say(ten, 1, 1, MUST_LINK)
    say(ten, 1, 2, MUST_LINK)
    for statement in (sa.update(schema.copy_word).values(note="x"), sa.delete(schema.copy_word)):
        with pytest.raises(RuleError), ten.database.transaction() as connection:
            connection.execute(statement)


def test_what_a_third_image_ties_together_stays_together_and_is_reported(ten: Registry) -> None:
    link(ten, (1, 3, "hash", 2), (2, 3, "hash", 7), (1, 2, "hash", 4), (4, 5, "hash", 1))
    say(ten, 1, 2, CANNOT_LINK)
    # A split must separate neither 3 from 1 nor 3 from 2: keeping only 1 and 2 apart would leak.
    assert together(ten, 1, 2)
    (group,) = find_reported_groups(ten)
    (pair,) = group.contradictions
    assert (pair.first, pair.second, pair.person) == (name_of(1), name_of(2), "ada")
    assert pair.path == (
        ChainLink(name_of(2), name_of(3), "hash", 7),
        ChainLink(name_of(1), name_of(3), "hash", 2),
    )
    assert group.reasons == ("1 pair with a cannot-link",)
    say(ten, 2, 3, CANNOT_LINK)
    assert not together(ten, 1, 2)
    assert together(ten, 1, 3)
    assert find_reported_groups(ten) == ()


def test_the_weakest_links_of_a_large_group_come_first(ten: Registry) -> None:
    link(ten, (1, 2, "hash", 0), (2, 3, "hash", 1), (1, 3, "hash", 8))
    link(ten, (4, 5, "name", 0), (3, 4, "features", 0.02), (9, 10, "hash", 2))
    say(ten, 5, 6, MUST_LINK)
    assert update_groups(ten, largest=6).reported == ()
    (group,) = update_groups(ten, largest=5).reported
    assert group.reasons == ("6 images, more than 5",)
    assert group.images == tuple(name_of(n) for n in range(1, 7))
    found = [(int(each.first, 16), int(each.second, 16), each.method) for each in group.chain]
    # 1 and 3 hang together by 2 already, and more surely.
    assert found == [
        (3, 4, "features"),
        (2, 3, "hash"),
        (1, 2, "hash"),
        (4, 5, "name"),
        (5, 6, "person"),
    ]


def test_a_group_of_two_classes_is_reported_until_a_person_decides(ten: Registry) -> None:
    link(ten, (1, 2, "hash", 5))
    label(ten, 1, "moon")
    label(ten, 2, "rose")
    (group,) = update_groups(ten).reported
    assert (group.classes, group.reasons) == (("moon", "rose"), ("two classes: moon, rose",))
    record_annotations(ten, [Annotation(sha256=name_of(2), class_name="", person="ada")])
    assert update_groups(ten).reported[0].classes == ("moon", "none of the classes")
    record_annotations(ten, [Annotation(sha256=name_of(2), class_name="moon", person="ada")])
    assert update_groups(ten).reported == ()


def test_one_image_under_two_labels_is_reported(ten: Registry) -> None:
    label(ten, 1, "moon")
    label(ten, 1, "rose")
    assert [group.size for group in update_groups(ten).reported] == [1]


def test_the_digest_tells_words_apart_and_not_their_order(tmp_path: Path, ten: Registry) -> None:
    before = compute_canonical_digest(ten)
    say(ten, 1, 2, MUST_LINK)
    say(ten, 3, 4, CANNOT_LINK)
    one = compute_canonical_digest(ten)
    assert one != before
    say(ten, 1, 2, CANNOT_LINK)
    say(ten, 3, 4, MUST_LINK)
    assert compute_canonical_digest(ten) not in {before, one}
    say(ten, 3, 4, CANNOT_LINK)
    say(ten, 1, 2, MUST_LINK)
    assert compute_canonical_digest(ten) == one


def test_an_image_s_life_tells_what_people_said(ten: Registry) -> None:
    link(ten, (1, 2, "hash", 5))
    word = PairAnnotation(
        first=name_of(2), second=name_of(1), says=CANNOT_LINK, person="ada", note="another animal"
    )
    record_pair_annotation(ten, word)
    events = {
        event.what: event for event in load_image_history(ten, ImageReference(name_of(1))).events
    }
    assert events["linked"].detail.endswith("overridden by a cannot-link")
    assert events["compared"].detail.startswith(f"not the same image as {name_of(2)[:12]}")
    assert events["compared"].detail.endswith("by ada: another animal")
    assert events["compared"].at
