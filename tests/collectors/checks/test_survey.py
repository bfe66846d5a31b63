"""The small copy that checks and hashes see, against the whole image."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encoded, jpeg, photo
from PIL import Image, ImageCms

from collectors.checks.check_settings import CheckSettings
from collectors.checks.image_check import check_image
from collectors.outcomes import Outcome
from data_registry.errors import ImageError
from data_registry.images.hashing import compute_perceptual_hashes
from data_registry.images.opening import open_image
from data_registry.images.pixels import decode, parse_exif_orientation
from data_registry.images.thumbnail_decode import (
    SIDE,
    WHOLE_BELOW,
    decode_thumbnail,
    estimate_thumbnail_bytes,
)

PIXELS = 50_000_000


def opened(data: bytes) -> Image.Image:
    return open_image(data, PIXELS)


def seen(data: bytes) -> np.ndarray:
    return np.asarray(decode_thumbnail(opened(data)).image, dtype=int)


def whole(data: bytes) -> np.ndarray:
    return np.asarray(decode(data).image, dtype=int)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("size", [(100, 90), (640, 480), (1300, 900), (450, 1700)])
def test_the_copy_shows_the_same_picture(image_format: str, size: tuple[int, int]) -> None:
    data = encoded(photo(*size, seed=3), image_format)
    full, small = decode(data), decode_thumbnail(opened(data))
    assert (small.format, small.width, small.height) == (image_format.lower(), *size)
    assert min(small.image.size) >= min(SIDE, *size)
    assert max(small.image.size) <= max(4 * SIDE, *(side // 2 for side in size), 2 * min(size))
    for ours, theirs in zip(
        compute_perceptual_hashes(small.image), compute_perceptual_hashes(full.image), strict=True
    ):
        assert int(ours[0] ^ theirs[0]).bit_count() <= 4


@pytest.mark.real_data
def test_hashes_of_photographs_hardly_drift(shared) -> None:  # type: ignore[no-untyped-def]
    drift = []
    for file in sorted((shared / "data").rglob("*.jpg")):
        data = file.read_bytes()
        if "corrupt" in file.name or min(opened(data).size) < WHOLE_BELOW:
            continue
        ours = compute_perceptual_hashes(decode_thumbnail(opened(data)).image)
        theirs = compute_perceptual_hashes(decode(data).image)
        drift.append([int(a[0] ^ b[0]).bit_count() for a, b in zip(ours, theirs, strict=True)])
    assert len(drift) > 100
    assert np.max(drift) <= 4
    assert np.mean(drift) <= 0.25


def with_orientation(image: Image.Image, orientation: int, image_format: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if image_format == "TIFF":
        return encoded(image, "TIFF", tiffinfo={0x0112: orientation})
    return encoded(image, image_format, exif=exif)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int, image_format: str) -> None:
    turn = [
        None,
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.ROTATE_180,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_270,
    ][orientation - 1]
    upright = photo(160, 120, seed=1)
    stored = upright if turn is None else upright.transpose(turn)
    data = with_orientation(stored, orientation, image_format)
    record = check_image(data, CheckSettings())
    assert (record.width, record.height) == (160, 120)
    difference = np.abs(seen(data) - np.asarray(upright, dtype=int))
    assert difference.mean() < 12  # lossy formats, and neighbours of other colours


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("value", [0, 9, 65535])
def test_orientations_that_do_not_exist_turn_nothing(order: str, value: int) -> None:
    start = {"little": b"II*\0", "big": b"MM\0*"}[order]

    def number(count: int, size: int) -> bytes:
        return count.to_bytes(size, order)  # type: ignore[arg-type]

    tag = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(value, 2) + bytes(2)
    block = b"Exif\0\0" + start + number(8, 4) + number(1, 2) + tag
    assert parse_exif_orientation(block) == 1
    six = block.replace(number(value, 2) + bytes(2), number(6, 2) + bytes(2))
    assert parse_exif_orientation(six) == 6 or value == 0


@given(st.binary(max_size=60), st.sampled_from([b"", b"Exif\0\0II*\0", b"MM\0*\0\0\0\x08"]))
def test_any_exif_block_gives_an_orientation(data: bytes, start: bytes) -> None:
    assert parse_exif_orientation(start + data) in range(1, 9)


def test_alpha_shows_white_paper_at_every_size() -> None:
    layer = Image.new("RGBA", (900, 800), (200, 0, 0, 255))
    layer.paste((0, 0, 255, 0), (0, 0, 450, 800))
    for data in (encoded(layer, "PNG"), encoded(layer.resize((90, 80)), "PNG")):
        pixels = seen(data)
        assert pixels[5, 5].tolist() == [255, 255, 255]
        assert pixels[-5, -5].tolist() == [200, 0, 0]


def test_palettes_and_their_transparent_colour() -> None:
    drawn = Image.new("P", (700, 500), 1)
    drawn.putpalette([10, 20, 30, 200, 100, 50])
    drawn.paste(0, (0, 0, 350, 500))
    pixels = seen(encoded(drawn, "PNG", transparency=0))
    assert pixels[9, 9].tolist() == [255, 255, 255]
    assert pixels[-9, -9].tolist() == [200, 100, 50]
    assert seen(encoded(drawn, "GIF"))[9, 9].tolist() == [10, 20, 30]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("side", [64, 600])
def test_sixteen_bits_are_scaled(kind: str, side: int) -> None:
    ramp = np.tile(np.linspace(0, 65535, side).astype(np.uint16), (side, 1))
    for pixels in (
        seen(encoded(Image.fromarray(ramp), kind)),
        whole(encoded(Image.fromarray(ramp), kind)),
    ):
        row = pixels[pixels.shape[0] // 2, :, 0]
        assert (np.diff(row) >= 0).all()
        assert (row[0], row[-1]) == (pytest.approx(0, abs=3), pytest.approx(255, abs=3))
        assert row[len(row) // 2] == pytest.approx(128, abs=4)


@pytest.mark.parametrize(
    ("kind", "low", "high"), [(np.float32, -3.0, 0.25), (np.int32, -70_000, 10**6)]
)
def test_finer_numbers_are_stretched(kind: type, low: float, high: float) -> None:
    ramp = np.tile(np.linspace(low, high, 400).astype(kind), (400, 1))
    row = seen(encoded(Image.fromarray(ramp), "TIFF"))[0, :, 0]
    assert (row[0], row[-1]) == (pytest.approx(0, abs=3), pytest.approx(255, abs=3))
    assert row[len(row) // 2] == pytest.approx(128, abs=4)


def test_a_flat_image_of_real_numbers_is_blank() -> None:
    data = encoded(Image.new("F", (100, 100), 7.5), "TIFF")
    with pytest.raises(ImageError) as caught:
        check_image(data, CheckSettings())
    assert caught.value.outcome == Outcome.BLANK


def test_inks_of_adobe_are_not_inverted() -> None:
    """Adobe stores CMYK the other way round; Pillow writes and reads it so."""
    red = Image.new("RGB", (100, 100), (220, 20, 20))
    red.paste((255, 255, 255), (0, 0, 50, 100))
    data = encoded(red.convert("CMYK"), quality=95)
    assert b"Adobe" in data[:64]
    pixels = seen(data)
    assert pixels[50, 10].min() > 240
    assert pixels[50, 90, 0] > 180
    assert pixels[50, 90, 1:].max() < 80


def swapped_profile() -> bytes:
    """sRGB in which red and blue have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    places = {bytes(profile[132 + 12 * k : 136 + 12 * k]): 132 + 12 * k for k in range(count)}
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("side", [100, 900])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_colour_profiles_are_obeyed(kind: str, side: int) -> None:
    red = Image.new("RGB", (side, side), (230, 10, 10))
    for pixels in (
        seen(encoded(red, kind, icc_profile=swapped_profile())),
        whole(encoded(red, kind, icc_profile=swapped_profile())),
    ):
        assert pixels[9, 9, 2] > 200
        assert pixels[9, 9, 0] < 60


@pytest.mark.parametrize("profile", [b"no profile", bytes(500)])
def test_a_broken_profile_changes_nothing(profile: bytes) -> None:
    plain = encoded(photo(), "PNG")
    assert (seen(encoded(photo(), "PNG", icc_profile=profile)) == seen(plain)).all()


def test_only_the_first_frame_of_an_animation_counts() -> None:
    frames = [photo(seed=k) for k in range(3)]
    for kind in ("GIF", "WEBP", "PNG"):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
        assert np.abs(seen(buffer.getvalue()) - np.asarray(frames[0], dtype=int)).mean() < 20


@pytest.mark.parametrize(
    ("data", "bytes_a_pixel"),
    [
        (encoded(photo(800, 800), "PNG"), 4),
        (encoded(photo(800, 800).convert("L"), "PNG"), 1),
        (encoded(photo(800, 800), "WEBP"), 17),
        (encoded(photo(800, 800), "AVIF"), 12),
        (encoded(photo(800, 800), "TIFF"), 7),
        (encoded(photo(800, 800)), 0.25),
        (encoded(photo(800, 800), progressive=True, subsampling=2), 3.25),
        (encoded(photo(800, 800), progressive=True, subsampling=0), 6.25),
    ],
)
def test_memory_is_estimated_from_the_header(data: bytes, bytes_a_pixel: float) -> None:
    assert estimate_thumbnail_bytes(opened(data), data) == 640_000 * bytes_a_pixel


def test_too_much_memory_has_its_own_name() -> None:
    data = encoded(photo(400, 400), "WEBP")
    with pytest.raises(ImageError, match="WEBP of 400 x 400") as caught:
        check_image(data, CheckSettings(memory_bytes=2_000_000))
    assert caught.value.outcome == Outcome.TOO_MUCH_MEMORY


def test_sides_are_judged_before_anything_is_decoded() -> None:
    broken = jpeg(width=900, height=100)[:-500]
    with pytest.raises(ImageError, match="at most 8 times") as caught:
        check_image(broken, CheckSettings())
    assert caught.value.outcome == Outcome.TOO_NARROW
    assert check_image(jpeg(width=800, height=100), CheckSettings()).width == 800


@pytest.mark.parametrize("limit", [200, 4000])
def test_pillows_own_alarm_is_too_many_pixels(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else in the process may have switched it on: error and warning both reject."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ImageError) as caught:
        check_image(jpeg(width=80, height=80), CheckSettings())
    assert caught.value.outcome == Outcome.TOO_MANY_PIXELS
