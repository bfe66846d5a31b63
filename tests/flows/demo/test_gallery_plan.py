"""The plan of the gallery: counts, truth, and that nothing shown gives the truth away."""

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_registry.errors import ImageError
from data_registry.images.hashing import compute_perceptual_hashes
from data_registry.images.pixels import decode
from flows.demo.bay import TEST, Bay, Photo
from flows.demo.drawing.animals import CLASSES, UNKNOWN
from flows.demo.drawing.bodies import Bodies
from flows.demo.web_gallery import (
    COPIES,
    NEW_ANIMALS,
    QUERIES,
    TEST_COPIES,
    TROUBLES,
    Candidate,
    plan_gallery,
    write_truth,
)

PLAN = plan_gallery(0)
BAY = Bay(0)
BODIES = Bodies(BAY)
OTHERS = [BAY.draw_photo(Photo(TEST, kind, number)) for kind in CLASSES for number in range(3)]


def of(trouble: str, count: int = 3) -> list[Candidate]:
    return [candidate for candidate in PLAN if candidate.trouble == trouble][:count]


def test_there_are_600_candidates_of_every_trouble() -> None:
    assert len(PLAN) == 600
    assert Counter(candidate.trouble for candidate in PLAN) == TROUBLES


def test_the_plan_is_a_function_of_the_seed() -> None:
    assert plan_gallery(0) == PLAN
    assert plan_gallery(1) != PLAN


def test_addresses_are_unique_and_name_no_class() -> None:
    assert len({candidate.path for candidate in PLAN}) == 600
    assert len({candidate.page for candidate in PLAN}) == 600
    for candidate in PLAN:
        assert not any(kind in candidate.path for kind in (*CLASSES, *UNKNOWN))


def test_the_query_is_right_for_most_but_not_all() -> None:
    known = [candidate for candidate in PLAN if candidate.truth]
    right = sum(QUERIES[candidate.truth] == candidate.query for candidate in known)
    assert 0.80 <= right / len(known) <= 0.90


def test_new_animals_are_spread_over_the_classes_and_shown_once() -> None:
    new = [candidate for candidate in PLAN if candidate.trouble in NEW_ANIMALS]
    assert len({candidate.origin for candidate in new}) == len(new)
    assert set(Counter(candidate.truth for candidate in new)) == set(CLASSES)
    assert min(Counter(candidate.truth for candidate in new).values()) >= 80


def test_what_is_no_animal_of_the_bay_has_no_class() -> None:
    for trouble in ("unknown_kind", "blank", "tiny", "truncated", "html", "missing"):
        assert {candidate.truth for candidate in of(trouble, 600)} == {""}


@pytest.mark.parametrize("trouble", sorted(COPIES | TEST_COPIES))
def test_copies_are_near_their_original(trouble: str) -> None:
    for candidate in of(trouble):
        assert candidate.origin is not None
        assert (candidate.origin.place == TEST) == (trouble in TEST_COPIES)
        original, copy = BAY.draw_photo(candidate.origin), BODIES.of(candidate)
        assert (original == copy) == (trouble == "exact_copy")
        own = distance(original, copy)
        # A crop of 5 % a side may escape the hashes; it is still nearest to what it was cut from.
        assert own <= 12 or trouble == "cropped"
        assert own < min(distance(other, copy) for other in OTHERS if other != original)


def distance(original: bytes, copy: bytes) -> int:
    """Differing bits of pHash, in the orientation that fits best."""
    upright, _ = compute_perceptual_hashes(Image.open(io.BytesIO(original)))
    turned, _ = compute_perceptual_hashes(Image.open(io.BytesIO(copy)))
    return int(np.bitwise_count(upright[0] ^ turned).min())


@pytest.mark.parametrize(
    ("trouble", "outcome"), [("truncated", "truncated"), ("html", "not_an_image")]
)
def test_broken_files_are_broken_as_planned(trouble: str, outcome: str) -> None:
    for candidate in of(trouble):
        with pytest.raises(ImageError) as caught:
            decode(BODIES.of(candidate))
        assert caught.value.outcome == outcome


def test_blank_and_tiny_images_are_so() -> None:
    for candidate in of("blank"):
        assert len(decode(BODIES.of(candidate)).image.getcolors() or []) == 1
    for candidate in of("tiny"):
        assert max(decode(BODIES.of(candidate)).image.size) < 64


def test_bodies_are_the_same_in_every_run() -> None:
    again = Bodies(Bay(0))
    for trouble in TROUBLES:
        (candidate,) = of(trouble, 1)
        assert again.of(candidate) == BODIES.of(candidate)


def test_the_truth_table_has_a_line_for_every_candidate(tmp_path: Path) -> None:
    write_truth(PLAN, "http://127.0.0.1:1", tmp_path / "truth.csv")
    with (tmp_path / "truth.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["url"] for row in rows] == ["http://127.0.0.1:1" + c.path for c in PLAN]
    assert [(row["class"], row["trouble"]) for row in rows] == [(c.truth, c.trouble) for c in PLAN]
