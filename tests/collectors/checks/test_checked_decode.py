"""Files from outside cost little, whatever they claim, wherever they come in."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hungry_files
import pytest
from bad_pictures import (
    big_tiff_bomb,
    exif_bomb,
    exif_in_avif_bomb,
    international_text_bomb,
    multi_picture_bomb,
    profile_bomb,
    scan_bomb,
    strip_table_bomb,
    text_bomb,
    tiff_bomb,
    wide_tiles_tiff,
)
from hungry_files import made
from pictures import encoded, jpeg, photo
from PIL import EpsImagePlugin, Image

from collectors.checks.check_settings import CheckSettings
from collectors.checks.image_check import check_image
from data_registry.errors import ImageError
from data_registry.images.file_structure import count_scans
from data_registry.images.image_limits import DEFAULT_LIMITS, read_image_file
from data_registry.images.pixels import decode, decode_stored
from data_registry.images.thumbnail_decode import decode_thumbnail_file

LARGE_AND_SCANNED = 40
WAYS = [
    decode,
    lambda data: decode_thumbnail_file(data, DEFAULT_LIMITS),
    lambda data: check_image(data, CheckSettings()),
]


def outcome_of(way: Callable[[bytes], object], data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        way(data)
    return caught.value.outcome


@pytest.mark.parametrize("way", WAYS, ids=["decode", "survey", "collect"])
@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (text_bomb, "metadata_bomb"),
        (international_text_bomb, "metadata_bomb"),
        (profile_bomb, "metadata_bomb"),
        (exif_bomb, "metadata_bomb"),
        (multi_picture_bomb, "metadata_bomb"),
        (tiff_bomb, "metadata_bomb"),
        (big_tiff_bomb, "metadata_bomb"),
        (exif_in_avif_bomb, "metadata_bomb"),
        (strip_table_bomb, "metadata_bomb"),
        (scan_bomb, "decoding_bomb"),
        (wide_tiles_tiff, "too_much_memory"),
    ],
)
def test_every_way_in_refuses_the_same(
    way: Callable[[bytes], object], make: Callable[[], bytes], outcome: str
) -> None:
    assert outcome_of(way, make()) == outcome


def scanned(side: int, extra: int) -> bytes:
    good = encoded(photo(side, side), progressive=True)
    last = good.rindex(b"\xff\xda")
    return good[:last] + good[last:-2] * extra + b"\xff\xd9"


@pytest.mark.parametrize("way", WAYS, ids=["decode", "survey", "collect"])
def test_scans_count_by_the_pixels_that_each_passes_over(way: Callable[[bytes], object]) -> None:
    assert outcome_of(way, scanned(2500, LARGE_AND_SCANNED)) == "decoding_bomb"
    assert way(scanned(600, LARGE_AND_SCANNED))
    assert way(scanned(2500, 0))


def test_what_lies_behind_a_photo_is_no_scan() -> None:
    """Phones put a film there, in which the two bytes of the marker come up by chance."""
    film = b"\0\0\0\x18ftypmp42" + b"\x12\xff\xda\x34" * 5000
    data = encoded(photo(3000, 2000)) + film
    assert count_scans(data, 20) == 1
    assert decode(data).width == 3000
    twofold = encoded(photo(), progressive=True)
    assert count_scans(twofold, 20) == twofold.count(b"\xff\xda") == 10
    assert count_scans(scan_bomb(), 20) == 21


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "way", "megabytes"),
    [
        ("RGB", "survey", 400),
        ("RGB", "decode", 400),
        ("RGBA", "survey", 450),
        ("RGBA", "stored", 650),
        ("WEBP", "decode", 1100),
    ],
)
def test_large_images_wait_for_one_another(
    kind: str, way: str, megabytes: int, tmp_path: Path
) -> None:
    """Six threads with 49 million pixels each hold about as much as one thread alone."""
    (tmp_path / "file").write_bytes(made(kind))
    command = [sys.executable, hungry_files.__file__, way, tmp_path / "file"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, outcome = said.stdout.split()
    assert outcome == "7000"
    assert int(peak) < megabytes


def test_no_other_program_is_started_and_no_other_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was asked for")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    eps = encoded(photo(), "EPS")
    assert outcome_of(decode, eps) == "not_an_image"
    for kind in ("ICO", "ICNS", "PPM", "TGA", "PCX", "SGI", "JPEG2000", "PDF"):
        data = encoded(photo(128, 128), kind)
        assert outcome_of(decode, data) == "not_an_image", kind
        assert outcome_of(decode_stored, data) == "not_an_image", kind


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(10**12)  # a terabyte that takes no room
    with pytest.raises(ImageError, match=r"1,000,000.0 MB; at most 20 MB") as caught:
        read_image_file(film, 20_000_000)
    assert caught.value.outcome == "too_large"
    with pytest.raises(ImageError, match="cannot be read: No such file") as caught:
        read_image_file(tmp_path / "gone.jpg", 20)
    assert caught.value.outcome == "unreadable_file"
    whole = jpeg()
    (tmp_path / "photo.jpg").write_bytes(whole)
    assert read_image_file(tmp_path / "photo.jpg", len(whole)) == whole


def test_what_is_stored_decodes_whatever_the_limits_are() -> None:
    data = encoded(Image.new("1", (9000, 7000)), "PNG")
    assert outcome_of(decode, data) == "too_many_pixels"
    stored = decode_stored(data, 64)
    assert (stored.width, stored.height) == (9000, 7000)
