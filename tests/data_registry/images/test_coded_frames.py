"""An AVIF file costs what its header states, whatever it holds."""

import io
import struct

import pytest
from avif_files import coded_frame, full_box, grid_avif, lying_avif, lying_film
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, photo
from PIL import Image

from collectors.checks.check_settings import CheckSettings
from collectors.checks.image_check import check_image
from data_registry.errors import ImageError
from data_registry.images.av1_frames import measure_frames
from data_registry.images.decoding_cost import estimate_decoding_bytes
from data_registry.images.image_items import list_coded_images
from data_registry.images.image_limits import DEFAULT_LIMITS
from data_registry.images.opening import open_image
from data_registry.images.pixels import decode
from data_registry.images.thumbnail_decode import decode_thumbnail_file

SIDE = 2500


def pixels_of(data: bytes) -> list[int]:
    return [pixels for part in list_coded_images(data) for pixels in measure_frames(part)]


@pytest.mark.parametrize(
    "way",
    [
        decode,
        lambda data: decode_thumbnail_file(data, DEFAULT_LIMITS),
        lambda data: check_image(data, CheckSettings()),
    ],
    ids=["decode", "thumbnail", "collect"],
)
@pytest.mark.parametrize(
    "data",
    [
        lying_avif(SIDE),
        lying_film(SIDE),
        grid_avif((SIDE, SIDE), (64, 64), (2, 2), (128, 128)),
        grid_avif((SIDE, SIDE), (64, 64), (2, 2), (128, 128), inside=True),
    ],
    ids=["image", "film", "grid", "grid in idat"],
)
def test_frames_larger_than_the_header_states_are_not_decoded(data: bytes, way: object) -> None:
    assert max(open_image(data, None).size) < 200  # what the header makes a reader believe
    with pytest.raises(ImageError, match=r"states \d+ x \d+ pixels, and what it holds") as caught:
        way(data)  # type: ignore[operator]
    assert caught.value.outcome == "decoding_bomb"


def test_an_image_coded_many_times_over() -> None:
    """Each frame is as large as the header states; together they are not."""
    frame, _ = coded_frame(1200, 1200)
    whole = encoded(Image.new("RGB", (1200, 1200), (30, 60, 90)), "AVIF", speed=10)
    start = whole.index(b"mdat") - 4
    located = struct.pack(">II", start + 8, len(frame))
    assert whole.count(located) == 1
    many = whole[:start].replace(located, struct.pack(">II", start + 8, 20 * len(frame)))
    many += struct.pack(">I4s", 8 + 20 * len(frame), b"mdat") + 20 * frame
    assert pixels_of(many) == [1200 * 1200] * 20
    with pytest.raises(ImageError, match="28,800,000 in 20 frames"):
        decode(many)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("size", [(1, 1), (33, 65), (1921, 1081)])
def test_honest_images(size: tuple[int, int], mode: str) -> None:
    picture = photo(*size).convert(mode)
    if mode == "RGBA":
        picture.putalpha(100)
    data = encoded(picture, "AVIF", speed=10)
    assert pixels_of(data) == [size[0] * size[1]] * (2 if mode == "RGBA" else 1)
    assert decode(data).width == size[0]


def test_honest_films_and_grids() -> None:
    frames = [photo(320, 240, seed=seed) for seed in range(3)]
    film = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    assert pixels_of(film) == [320 * 240] * 2  # the primary image, and the film's first frame
    assert decode(film).width == 320
    for inside in (False, True):
        grid = grid_avif((512, 512), (512, 512), (2, 3), (1000, 1200), inside)
        assert pixels_of(grid) == [512 * 512] * 6
        assert (decode(grid).width, decode(grid).height) == (1000, 1200)


def test_other_images_of_the_file_do_not_count() -> None:
    """A file may hold thumbnails and further photographs; only the primary image is decoded."""
    data = grid_avif((512, 512), (512, 512), (1, 1), (512, 512))
    alone = data.replace(b"dimg", b"thmb")
    assert pixels_of(data) == [512 * 512]
    assert pixels_of(alone) == []


def test_memory_is_that_of_what_is_decoded() -> None:
    """A tile may be larger than what is shown of it."""
    data = grid_avif((1024, 1024), (1024, 1024), (1, 1), (600, 600))
    image = Image.open(io.BytesIO(data))
    assert estimate_decoding_bytes(image, data) == 12 * 1024 * 1024


@settings(deadline=None)
@given(st.data())
def test_damaged_files_end_in_named_errors(data: st.DataObject) -> None:
    whole = bytearray(grid_avif((64, 64), (64, 64), (2, 2), (128, 128)))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(whole[: data.draw(st.integers(12, len(whole)))]))
    except ImageError:
        return


def test_boxes_made_to_be_read_for_ever() -> None:
    boxes = full_box(b"meta", b"".join(full_box(b"pitm", b"\0\1") for _ in range(200_000)))
    assert list_coded_images(boxes) == []
    assert list_coded_images(b"\0\0\0\0meta" * 50_000) == []
    frame, _ = coded_frame(64, 64)
    with pytest.raises(ImageError, match="more than 10,000 units"):
        list(measure_frames(frame[:2] * 20_000))


def jpeg_with_two_sizes(stated_last: bool) -> bytes:
    large, small = (encoded(photo(side, side)) for side in (2000, 100))
    headers = []
    for data in (large, small):
        start = data.index(b"\xff\xc0")
        headers.append(data[start : start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")])
    both = headers[0] + headers[1] if stated_last else headers[1] + headers[0]
    return large.replace(headers[0], both)


def webp_with_a_small_canvas() -> bytes:
    data = encoded(photo(1000, 1000), "WEBP", lossless=True)[12:]
    canvas = struct.pack("<4sII", b"VP8X", 10, 0) + 2 * (99).to_bytes(3, "little")
    return struct.pack("<4sI4s", b"RIFF", 4 + len(canvas) + len(data), b"WEBP") + canvas + data


def tiff_with_large_strips() -> bytes:
    data = encoded(photo(2000, 2000), "TIFF", compression="jpeg")
    for tag in (256, 257):
        data = data.replace(
            struct.pack("<HHII", tag, 4, 1, 2000), struct.pack("<HHII", tag, 4, 1, 100)
        ).replace(struct.pack("<HHIHH", tag, 3, 1, 2000, 0), struct.pack("<HHII", tag, 3, 1, 100))
    return data


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with_two_sizes(stated_last=True),
        jpeg_with_two_sizes(stated_last=False),
        webp_with_a_small_canvas(),
        tiff_with_large_strips(),
    ],
    ids=["jpeg, small last", "jpeg, small first", "webp", "tiff"],
)
def test_the_decoders_of_other_formats_refuse_by_themselves(data: bytes) -> None:
    """Only libavif decodes more than the header states; a newer library may follow it."""
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert caught.value.outcome in {"truncated", "not_an_image"}
