import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import bomb_png, encoded, jpeg, photo
from PIL import Image

from collectors.checks.check_settings import CheckSettings
from collectors.checks.image_check import check_image, measure_contrast
from collectors.outcomes import Outcome
from data_registry.errors import ImageError
from data_registry.images.hashing import compute_sha256
from data_registry.images.records import ImageRecord

CHECK = CheckSettings()


def outcome_of(data: bytes, check: CheckSettings = CHECK) -> str:
    with pytest.raises(ImageError) as caught:
        check_image(data, check)
    assert str(caught.value)
    return caught.value.outcome


def rotated_by_exif(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, exif=exif)


def test_a_photo_is_described() -> None:
    data = jpeg()
    record = check_image(data, CHECK)
    assert (record.sha256, record.byte_count) == (compute_sha256(data), len(data))
    assert (record.format, record.width, record.height) == ("jpeg", 160, 120)


def test_exif_orientation_gives_the_upright_size_and_hash() -> None:
    record = check_image(rotated_by_exif(photo(), 6), CHECK)
    assert (record.width, record.height) == (120, 160)
    turned = check_image(encoded(photo().rotate(-90, expand=True), "PNG"), CHECK)
    assert int(record.phash[0] ^ turned.phash[0]).bit_count() <= 4


def test_every_kind_of_pixel_is_understood() -> None:
    wide = np.linspace(0, 65535, 100 * 100).astype(np.uint16).reshape(100, 100)
    layered = photo().convert("RGBA")
    layered.putalpha(Image.linear_gradient("L").resize(layered.size))
    kinds = {
        "cmyk": encoded(photo().convert("CMYK"), "JPEG"),
        "palette": encoded(photo().quantize(32), "PNG"),
        "16 bit": encoded(Image.fromarray(wide), "PNG"),
        "alpha": encoded(layered, "PNG"),
        "grey": encoded(photo().convert("L"), "JPEG"),
        "webp": encoded(photo(), "WEBP"),
        "gif": encoded(photo(), "GIF"),
        "bmp": encoded(photo(), "BMP"),
        "tiff": encoded(photo(), "TIFF"),
    }
    for kind, data in kinds.items():
        assert isinstance(check_image(data, CHECK), ImageRecord), kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><p>not here",
        b"\xff\xd8\xff",
        b"%PDF-1.7",
        b"\0" * 99,
    ],
)
def test_what_is_no_image(data: bytes) -> None:
    assert outcome_of(data) == Outcome.NOT_AN_IMAGE


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_half_an_image_is_truncated(image_format: str) -> None:
    data = encoded(photo(), image_format)
    assert outcome_of(data[: len(data) // 2]) in (Outcome.TRUNCATED, Outcome.NOT_AN_IMAGE)


def test_a_jpeg_cut_in_its_pixels_is_truncated() -> None:
    assert outcome_of(jpeg()[:-200]) == Outcome.TRUNCATED


def test_a_header_that_claims_too_much_is_refused_before_decoding() -> None:
    assert outcome_of(bomb_png()) == Outcome.TOO_MANY_PIXELS
    assert outcome_of(jpeg(), CheckSettings(max_pixels=160 * 120 - 1)) == Outcome.TOO_MANY_PIXELS


def test_the_shorter_side_decides() -> None:
    assert outcome_of(jpeg(width=400, height=63)) == Outcome.TOO_SMALL
    assert check_image(jpeg(width=400, height=64), CHECK).height == 64


def test_blank_images_and_what_is_not_blank() -> None:
    random = np.random.default_rng(0)
    noisy = np.clip(random.normal(128, 3, (240, 320, 3)), 0, 255).astype(np.uint8)
    assert outcome_of(encoded(Image.new("RGB", (200, 200), "white"), "PNG")) == Outcome.BLANK
    assert outcome_of(encoded(Image.fromarray(noisy), "PNG")) == Outcome.BLANK
    small_animal = Image.new("RGB", (200, 200), "navy")
    small_animal.paste("white", (90, 90, 115, 115))
    assert isinstance(check_image(encoded(small_animal, "PNG"), CHECK), ImageRecord)


def test_contrast_of_colours_alone_counts() -> None:
    half = Image.new("RGB", (100, 100), (200, 0, 0))
    half.paste((0, 102, 0), (0, 0, 50, 100))  # the same luminance
    assert measure_contrast(half) == 200
    assert measure_contrast(Image.new("RGB", (100, 100), (9, 9, 9))) == 0


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_files_raise_nothing_but_image_errors(
    image_format: str, data: st.DataObject
) -> None:
    damaged = bytearray(encoded(photo(96, 80), image_format))
    last = len(damaged) - 1
    for _ in range(data.draw(st.integers(0, 6), label="bytes changed")):
        # the headers are where decoders can be led astray, so half of the damage goes there
        place = data.draw(st.integers(0, 80) | st.integers(0, last), label="place")
        damaged[min(place, last)] = data.draw(st.integers(0, 255), label="value")
    cut = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)), label="length")
    try:
        record = check_image(bytes(damaged[:cut]), CheckSettings(max_pixels=1_000_000))
    except ImageError as error:
        assert Outcome(error.outcome)
    else:
        assert record.byte_count == cut
        assert record.width * record.height <= 1_000_000
