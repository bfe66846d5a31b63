"""Hashes propose copies, pixels confirm them: photographs stay copies, look-alikes do not."""

import io
from pathlib import Path

import numpy as np
import pytest
from drawn import collect_bytes, encoded, picture
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from data_registry.duplicates.hash_evidence import have_same_pixels, link_images_by_confirmed_hashes
from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.images.hashing import apply_orientation
from data_registry.registry import Registry


def saved(image: Image.Image, quality: int = 40) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, quality=quality)))


def grey(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BOX), np.float64)


@pytest.mark.parametrize("turn", range(8))
def test_copies_agree_however_they_are_turned(turn: int) -> None:
    one = picture(3, 160, 120)
    other = saved(ImageEnhance.Brightness(one.resize((90, 70))).enhance(0.8))
    assert have_same_pixels(grey(one), apply_orientation(grey(other), turn))


def test_other_pictures_do_not_agree() -> None:
    assert not have_same_pixels(grey(picture(1)), grey(picture(2)))


def test_empty_pictures_agree_with_empty_ones_alone() -> None:
    white, black = (np.full((32, 32), level, float) for level in (255, 0))
    assert have_same_pixels(white, black)
    assert not have_same_pixels(white, grey(picture(1)))


def ring(radius: int, gap: int) -> Image.Image:
    """Draw a round thing on white paper; the gap is what tells two apart."""
    drawn = Image.new("RGB", (200, 200), "white")
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((100 - radius, 100 - radius, 100 + radius, 100 + radius), "grey", "black", 3)
    draw.ellipse((100 - gap, 100 - gap, 100 + gap, 100 + gap), "white")
    return drawn


def links_among(registry: Registry, images: list[bytes]) -> tuple[int, int]:
    """(links kept, pairs not confirmed)."""
    collect_bytes(registry, images)
    unconfirmed = link_images_by_confirmed_hashes(registry, Radii(12, 18), MatchThresholds())
    with registry.database.transaction() as connection:
        kept = connection.exec_driver_sql("select count(*) from group_link").scalar_one()
    return int(kept), unconfirmed


def test_round_things_on_white_paper_are_not_copies(registry: Registry, tmp_path: Path) -> None:
    things = [encoded(ring(70, gap), "PNG") for gap in (14, 22, 30)]
    kept, unconfirmed = links_among(registry, things)
    assert kept == 0
    assert unconfirmed > 0


def test_a_saved_again_drawing_is_a_copy(registry: Registry) -> None:
    drawing = ring(70, 20)
    assert links_among(registry, [encoded(drawing, "PNG"), encoded(drawing, quality=60)]) == (1, 0)


def page(seed: int) -> Image.Image:
    """Draw a letterhead, and text of its own."""
    letters = np.random.default_rng(seed).choice(list("abcdefghij "), (12, 60))
    drawn = Image.new("L", (850, 1100), 255)
    draw = ImageDraw.Draw(drawn)
    draw.rectangle((60, 40, 300, 90), fill=0)
    for number, line in enumerate(letters):
        draw.text((60, 150 + number * 30), "".join(line), fill=0)
    return drawn


def test_pages_with_one_letterhead_are_not_copies(registry: Registry) -> None:
    kept, unconfirmed = links_among(registry, [encoded(page(seed), "PNG") for seed in range(4)])
    assert kept == 0
    assert unconfirmed > 0


def mask(left: int) -> Image.Image:
    drawn = Image.new("L", (256, 256), 0)
    ImageDraw.Draw(drawn).ellipse((left, 98, left + 60, 158), fill=255)
    return drawn


def test_masks_that_are_moved_by_two_pixels_are_not_copies(registry: Registry) -> None:
    kept, unconfirmed = links_among(registry, [encoded(mask(left), "PNG") for left in (70, 72)])
    assert (kept, unconfirmed) == (0, 1)


def test_a_blurred_page_is_a_copy(registry: Registry) -> None:
    blurred = page(1).filter(ImageFilter.GaussianBlur(3))
    copies = [encoded(page(1), "PNG"), encoded(blurred, quality=60)]
    assert links_among(registry, copies) == (1, 0)


def test_a_page_saved_again_is_a_copy(registry: Registry) -> None:
    smaller = page(1).resize((600, 776)).rotate(180)
    copies = [encoded(page(1), "PNG"), encoded(smaller, quality=60)]
    assert links_among(registry, copies) == (1, 0)
