import io

import numpy as np
import pytest
from drawn import encoded, picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data_registry.errors import ImageError
from data_registry.images.image_limits import ImageLimits
from data_registry.images.pixels import decode


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_allowed_format_is_sniffed_and_decoded(image_format: str) -> None:
    decoded = decode(encoded(picture(1), image_format))
    assert decoded.format == image_format.lower()
    assert decoded.image.mode == "RGB"
    assert decoded.image.size == (120, 96)


def test_exif_orientation_is_honoured() -> None:
    image = picture(1)
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    assert decode(buffer.getvalue()).image.size == (96, 120)


@pytest.mark.parametrize(
    ("image_format", "least_side", "size"),
    [
        ("JPEG", 48, (60, 48)),
        ("JPEG", 49, (120, 96)),
        ("JPEG", 12, (15, 12)),
        ("PNG", 12, (120, 96)),
    ],
)
def test_a_jpeg_is_decoded_smaller_where_that_suffices(
    image_format: str, least_side: int, size: tuple[int, int]
) -> None:
    picture_of = picture(1)
    decoded = decode(encoded(picture_of, image_format), least_side=least_side)
    assert decoded.image.size == size
    assert (decoded.width, decoded.height) == (120, 96)
    by_filter = np.asarray(picture_of.resize(size, Image.Resampling.BOX), dtype=float)
    assert np.abs(np.asarray(decoded.image, dtype=float) - by_filter).mean() < 8


def test_sixteen_bits_keep_their_brightness() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    decoded = np.asarray(decode(encoded(Image.fromarray(ramp), "PNG")).image)
    assert decoded[0, 0, 0] < 5
    assert decoded[0, 63, 0] > 250
    assert 120 < decoded[0, 32, 0] < 136


def test_transparency_shows_white_paper() -> None:
    decoded = decode(encoded(Image.new("RGBA", (80, 80), (255, 0, 0, 0)), "PNG"))
    assert decoded.image.getpixel((5, 5)) == (255, 255, 255)


def test_too_many_pixels_are_refused_by_the_header() -> None:
    with pytest.raises(ImageError, match="at most 100") as caught:
        decode(encoded(picture(1), "PNG"), limits=ImageLimits(max_pixels=100))
    assert caught.value.outcome == "too_many_pixels"


@given(st.integers(0, 20), st.floats(0.05, 0.98))
def test_a_cut_off_jpeg_is_truncated_or_no_image(seed: int, part: float) -> None:
    data = encoded(picture(seed))
    with pytest.raises(ImageError) as caught:
        decode(data[: int(len(data) * part)])
    assert caught.value.outcome in {"truncated", "not_an_image"}


@given(st.binary(max_size=400))
def test_noise_is_no_image(data: bytes) -> None:
    with pytest.raises(ImageError, match="expected JPEG, PNG, WebP") as caught:
        decode(data)
    assert caught.value.outcome == "not_an_image"
