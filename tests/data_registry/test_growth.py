"""Whatever a person imports, collects and answers, the splits cannot leak."""

import tempfile
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from data_registry.duplicates.copies import find_duplicate_sets
from data_registry.duplicates.grouping import GroupSummary, load_groups, update_groups
from data_registry.duplicates.links import active_links
from data_registry.duplicates.match_thresholds import Radii
from data_registry.duplicates.pair_annotations import (
    CANNOT_LINK,
    MUST_LINK,
    PairAnnotation,
    load_cannot_links,
    load_pair_annotations,
    record_pair_annotation,
)
from data_registry.images.records import CollectedImage, FetchAttempt, ImageRecord, Source
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.verification.digest import compute_canonical_digest
from data_registry.verification.verify import verify
from data_registry.versions.manifest import EXCLUDED, read_manifest
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits, load_assigned_splits

CLASSES = ("a", "b")
NO_HASHES = np.zeros(8, dtype=np.uint64)


def name_of(number: int) -> str:
    return f"{number:064x}"


@dataclass(frozen=True)
class Step:
    """One thing that happens: images `numbers` are imported, collected, answered, linked by a
    machine, or compared by a person, each with the next."""

    what: str
    numbers: tuple[int, ...]
    word: str


numbers = st.lists(st.integers(1, 40), min_size=1, max_size=8, unique=True).map(tuple)
steps = st.lists(
    st.one_of(
        st.builds(Step, st.just("import"), numbers, st.sampled_from(["", "train", "val", "test"])),
        st.builds(Step, st.just("collect"), numbers, st.sampled_from(CLASSES)),
        st.builds(Step, st.just("answer"), numbers, st.sampled_from([*CLASSES, ""])),
        st.builds(Step, st.just("link"), numbers, st.sampled_from(["hash", "name", "features"])),
        st.builds(Step, st.just("compare"), numbers, st.sampled_from([MUST_LINK, CANNOT_LINK])),
    ),
    min_size=1,
    max_size=6,
)


def image(number: int) -> ImageRecord:
    # Hashes far apart, so that only the planted links make groups.
    rng = np.random.default_rng(number)
    hashes = rng.integers(0, 2**63, 8).astype(np.uint64)
    return ImageRecord(
        sha256=name_of(number),
        format="jpeg",
        width=64 + number,
        height=64,
        byte_count=100,
        phash=hashes,
        dhash=hashes,
    )


def take(registry: Registry, step: Step) -> None:
    known = registry.find_known_images()
    present = [n for n in step.numbers if name_of(n) in known]
    if step.what == "import":
        _import(registry, step)
    elif step.what == "collect":
        _collect(registry, step)
    elif step.what == "answer":
        record_annotations(
            registry,
            [Annotation(sha256=name_of(n), class_name=step.word, person="p") for n in present],
        )
    elif step.what == "link":
        _link(registry, present, step.word)
    else:
        for a, b in pairwise(present):
            record_pair_annotation(
                registry,
                PairAnnotation(first=name_of(a), second=name_of(b), says=step.word, person="p"),
            )


def _import(registry: Registry, step: Step) -> None:
    at = now()
    with registry.database.transaction() as connection:
        registry.record_images(connection, [image(n) for n in step.numbers], at)
        rows = [(name_of(n), Source(provider="import", url=f"import:{n}")) for n in step.numbers]
        registry.record_sources(connection, rows, at)
        labels = [
            {
                "sha256": name_of(n),
                "class_name": CLASSES[n % 2],
                "path": f"{step.word}/{n}",
                "given_split": step.word,
                "at": at,
            }
            for n in step.numbers
        ]
        registry.database.add(connection, schema.label, labels)


def _collect(registry: Registry, step: Step) -> None:
    registry.record_collected(
        [
            CollectedImage(
                FetchAttempt(
                    source=Source(provider="web", url=f"u{n}"), outcome="stored", sha256=name_of(n)
                ),
                image(n),
            )
            for n in step.numbers
        ]
    )
    record_teacher(registry, "t", {})
    record_decisions(
        registry,
        [
            Decision(
                sha256=name_of(n),
                teacher_id="t",
                policy="p",
                verdict="accepted",
                class_name=step.word,
                confidence=0.99,
                reason="sure",
                detail="",
            )
            for n in step.numbers
        ],
    )


def _link(registry: Registry, present: list[int], method: str = "hash") -> None:
    at = now()
    pairs = [sorted((name_of(a), name_of(b))) for a, b in pairwise(present)]
    rows = [
        {"first": a, "second": b, "method": method, "distance": 1.0, "at": at} for a, b in pairs
    ]
    with registry.database.transaction() as connection:
        registry.database.add(connection, schema.group_link, rows)


def assert_words_are_heeded_or_reported(registry: Registry, groups: GroupSummary) -> None:
    """Two images that are not the same are apart, or it is told what ties them together."""
    group, parted = load_groups(registry), load_cannot_links(registry)
    against = [pair for each in groups.reported for pair in each.contradictions]
    together = {(one, other) for one, other in parted if group[one] == group[other]}
    assert {(pair.first, pair.second) for pair in against} == together
    for pair in against:
        ends = [name for link in pair.path for name in (link.first, link.second)]
        assert sorted(name for name in ends if ends.count(name) == 1) == [pair.first, pair.second]
        assert not {(link.first, link.second) for link in pair.path} & parted
    for row in load_pair_annotations(registry).to_dict("records"):
        if row["says"] == MUST_LINK:
            assert group[row["first"]] == group[row["second"]]


def assert_one_copy_teaches(registry: Registry, train: pd.DataFrame) -> None:
    """Of collected copies one at the most, and none beside one that the user labelled."""
    sets, labelled = find_duplicate_sets(registry), registry.find_labelled_images()
    named = [(sets.get(name, name), name in labelled) for name in train["sha256"]]
    collected = [copies for copies, is_labelled in named if not is_labelled]
    assert len(collected) == len(set(collected))
    assert not set(collected) & {copies for copies, is_labelled in named if is_labelled}


def linked_across_splits(registry: Registry, kept: pd.DataFrame) -> list[tuple[str, str]]:
    split = dict(zip(kept["sha256"], kept["split"], strict=True))
    links = active_links(registry)
    pairs = zip(links["first"], links["second"], strict=True)
    return [
        (one, other)
        for one, other in pairs
        if one in split and other in split and split[one] != split[other]
    ]


@settings(max_examples=20)
@given(steps, st.integers(0, 3))
def test_no_sequence_of_events_leaks(history: list[Step], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Registry.open(folder) as registry:
        assigned: dict[str, str] = {}
        for step in (Step("import", (1, 2, 3, 4, 5, 6, 7, 8), ""), *history):
            take(registry, step)
            assert_words_are_heeded_or_reported(registry, update_groups(registry))
            assign_splits(registry, SplitSettings(seed=seed))
            version = publish(registry, {})
            later = load_assigned_splits(registry)
            assert assigned.items() <= later.items()  # no assignment ever moves
            assigned = later
            manifest = read_manifest(registry, version.version_hash)
            kept = manifest[manifest["split"] != EXCLUDED]
            assert (kept.groupby("group_id")["split"].nunique() <= 1).all()
            assert not linked_across_splits(registry, kept)
            assert_one_copy_teaches(registry, kept[kept["split"] == "train"])
            held_out = kept[kept["split"].isin(["val", "test"])]
            assert set(held_out["sha256"]) <= registry.find_labelled_images()
            assert (held_out["class_origin"] != "decision").all()
            assert publish(registry, {}).version_hash == version.version_hash
        found = verify(registry, Radii()).breaches
        assert not [b for b in found if b.rule != "blob-missing"]


@settings(max_examples=10)
@given(st.permutations(range(1, 9)), st.permutations(range(6)))
def test_groups_and_digest_do_not_depend_on_the_order(order: list[int], links: list[int]) -> None:
    pairs = [(1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (6, 8)]
    outcomes = []
    for images, edges in ((list(range(1, 9)), range(6)), (order, links)):
        with tempfile.TemporaryDirectory() as folder, Registry.open(folder) as registry:
            for number in images:
                _collect(registry, Step("collect", (number,), "a"))
                update_groups(registry)
            for edge in edges:
                _link(registry, list(pairs[edge]))
                update_groups(registry)
            outcomes.append((load_groups(registry), compute_canonical_digest(registry)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0][name_of(5)] == name_of(3)


def test_the_digest_tells_two_states_apart(registry: Registry) -> None:
    seen = [compute_canonical_digest(registry)]
    for step in (
        Step("import", (1, 2, 3, 4), ""),
        Step("collect", (9,), "a"),
        Step("answer", (9,), "b"),
        Step("link", (1, 9), "hash"),
        Step("compare", (1, 9), CANNOT_LINK),
    ):
        take(registry, step)
        update_groups(registry)
        seen.append(compute_canonical_digest(registry))
    assert len(set(seen)) == len(seen)
