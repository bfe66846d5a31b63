"""Features propose, geometry confirms, and what was compared is not compared again."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from drawn import collect_bytes, encoded
from drawn_animals import animal
from hypothesis import given, settings
from hypothesis import strategies as st

from data_registry.arrays import Float32Array
from data_registry.duplicates import nearest_neighbours
from data_registry.duplicates.feature_evidence import link_images_by_features
from data_registry.duplicates.grouping import add_links, load_groups, update_groups
from data_registry.duplicates.match_thresholds import MatchThresholds
from data_registry.duplicates.nearest_neighbours import find_near_pairs
from data_registry.history.history_events import load_link_events
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.verification.digest import compute_canonical_digest


class Counted:
    """Progress that remembers what was compared."""

    def __init__(self) -> None:
        self.comparisons = 0

    def start(self, what: str, total: int | None) -> None:
        assert what in ("finding neighbours by features", "comparing")
        self.phase = what

    def advance(self, count: int = 1) -> None:
        self.comparisons += count * (self.phase == "comparing")

    def finish(self) -> None:
        pass


def stored(registry: Registry) -> list[str]:
    """Two animals, a crop of the first and the second turned."""
    pictures = [animal(1), animal(2), animal(1).crop((0, 0, 200, 210)), animal(2).rotate(20)]
    return collect_bytes(registry, [encoded(each) for each in pictures])


def vectors(count: int) -> Float32Array:
    """Alike for every image, as a poor backbone gives them."""
    return np.random.default_rng(0).normal(1, 0.05, (count, 16)).astype(np.float32)


def linked(registry: Registry) -> set[tuple[str, str]]:
    link = schema.group_link
    rows = registry.database.rows(sa.select(link).where(link.c.method == "features"))
    return {(row.first, row.second) for row in rows}


def pair(one: str, other: str) -> tuple[str, str]:
    return (min(one, other), max(one, other))


def test_animals_that_look_alike_are_linked_only_to_their_own_copies(registry: Registry) -> None:
    one, other, crop, turned = names = stored(registry)
    progress = Counted()
    link_images_by_features(registry, names, vectors(4), MatchThresholds(), progress)
    assert linked(registry) == {pair(one, crop), pair(other, turned)}
    assert progress.comparisons == 6
    kept = registry.database.rows(sa.select(schema.comparison))
    assert len(kept) == 6
    strong = [row for row in kept if row.points >= 8 and row.share >= 0.1]
    assert {(row.first, row.second) for row in strong} == linked(registry)


def test_an_images_life_tells_what_geometry_said(registry: Registry) -> None:
    one, _, crop, _ = names = stored(registry)
    link_images_by_features(registry, names, vectors(4), MatchThresholds())
    (event,) = load_link_events(registry, one)
    assert event.facts["other"] == crop
    assert event.facts["points"] >= 8
    assert f"{event.facts['points']} points agree" in event.detail


def test_nothing_is_compared_twice_and_a_looser_rule_needs_no_pixels(registry: Registry) -> None:
    names, progress = stored(registry), Counted()
    link_images_by_features(registry, names, vectors(4), MatchThresholds(points=400), progress)
    assert linked(registry) == set()
    link_images_by_features(registry, names, vectors(4), MatchThresholds(), progress)
    assert len(linked(registry)) == 2
    assert progress.comparisons == 6


def test_what_stronger_evidence_ties_is_not_compared(registry: Registry) -> None:
    one, _, crop, turned = names = stored(registry)
    add_links(registry, "name", [(*pair(one, crop), 0.0), (*pair(crop, turned), 0.0)])
    progress = Counted()
    link_images_by_features(registry, names, vectors(4), MatchThresholds(), progress)
    assert progress.comparisons == 3  # the other animal with each of the three


def test_a_rule_of_1_asks_nobody(registry: Registry) -> None:
    names, progress = stored(registry), Counted()
    link_images_by_features(registry, names, vectors(4), MatchThresholds(similarity=1), progress)
    assert progress.comparisons == 0


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_groups_do_not_depend_on_which_image_came_first(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    found = []
    for number, sequence in enumerate([(0, 1, 2, 3), order]):
        with Registry.open(tmp_path / str(number)) as registry:
            names, rows = stored(registry), vectors(4)
            for end in range(1, 5):
                chosen = list(sequence[:end])
                asked = [names[place] for place in chosen]
                link_images_by_features(registry, asked, rows[chosen], MatchThresholds())
            update_groups(registry)
            found.append(
                (load_groups(registry), linked(registry), compute_canonical_digest(registry))
            )
    assert found[0] == found[1]


rows_of_vectors = st.integers(2, 40).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, 10_000), st.permutations(range(n)))
)


@settings(max_examples=30)
@given(rows_of_vectors, st.integers(1, 8), st.floats(-1, 1))
def test_neighbours_are_those_of_a_plain_search_in_any_order(
    drawn: tuple[int, int, list[int]], count: int, similarity: float
) -> None:
    n, seed, order = drawn
    features = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
    names = [f"{place:03}" for place in range(n)]
    found = find_near_pairs(names, features, similarity, count)
    turned = [names[place] for place in order]
    assert find_near_pairs(turned, features[order], similarity, count) == found
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -2)
    near = [set(np.argsort(-row)[: min(count, n - 1)].tolist()) for row in alike]
    plain = {
        pair(names[i], names[j])
        for i in range(n)
        for j in near[i]
        if i != j and alike[i, j] >= similarity + 1e-6
    }
    assert plain <= {(one, other) for one, other, _ in found}
    assert all(1 - distance >= similarity - 1e-5 for _, _, distance in found)


def test_blocks_do_not_change_the_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    names = [f"{place:02}" for place in range(50)]
    whole = find_near_pairs(names, features, 0.1, 5)
    monkeypatch.setattr(nearest_neighbours, "ROWS_AT_A_TIME", 7)
    monkeypatch.setattr(nearest_neighbours, "COLUMNS_AT_A_TIME", 11)
    blocks = find_near_pairs(names, features, 0.1, 5)
    assert [each[:2] for each in blocks] == [each[:2] for each in whole]


def test_a_family_does_not_take_up_its_own_members_neighbours() -> None:
    """Ten copies of one photo on either side, and the two resemble each other less."""
    features = np.ones((20, 4), np.float32)
    features[10:, 0] = 1.5
    names = [f"{place:02}" for place in range(20)]
    crowded = find_near_pairs(names, features, 0.5, 3)
    assert not [each for each in crowded if (each[0] < "10") != (each[1] < "10")]
    freed = find_near_pairs(names, features, 0.5, 3, [0] * 10 + [1] * 10)
    assert freed
    assert all(one < "10" <= other for one, other, _ in freed)
