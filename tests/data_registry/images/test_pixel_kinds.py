"""Unusual pixels are seen as a person sees them: each file is a grey ramp from black to white."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from drawn import encoded
from PIL import Image

from data_registry.arrays import Float32Array
from data_registry.errors import ImageError
from data_registry.images.opening import open_image
from data_registry.images.pixels import decode
from data_registry.images.thumbnail_decode import decode_thumbnail

SIDE = 96
LARGE = 600  # more than a strip, and reduced by a survey
Ramp = npt.NDArray[np.uint16]


def ramp(side: int) -> Ramp:
    return np.tile(np.linspace(0, 65535, side).astype(np.uint16), (side, 1))


def greys(values: Ramp) -> Image.Image:
    return Image.fromarray((values >> 8).astype(np.uint8))


def colours(values: Ramp) -> Image.Image:
    return Image.merge("RGB", [greys(values)] * 3)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(values: npt.NDArray[np.generic], colour_type: int, *extra: bytes) -> bytes:
    """Encode a PNG of 16 bits, which Pillow does not write with colours."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows))]
    return b"".join([b"\x89PNG\r\n\x1a\n", *chunks, chunk(b"IEND", b"")])


def tiff(values: npt.NDArray[np.generic], sample_format: int) -> bytes:
    """Encode a TIFF of one strip of these numbers: 1 unsigned, 2 signed, 3 real."""
    data, (height, width) = values.tobytes(), values.shape
    entries = [(256, width), (257, height), (258, 8 * values.itemsize), (259, 1), (262, 1)]
    entries += [(273, 8 + 2 + 12 * 10 + 4), (277, 1), (278, height), (279, len(data))]
    entries += [(339, sample_format)]
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4) + data


def with_holes(values: Ramp) -> Float32Array:
    """Real numbers, of which a few were not measured."""
    reals = values.astype(np.float32) / 65535
    reals[0, :4] = np.nan, np.inf, -np.inf, np.finfo(np.float32).min
    return reals


def squared(values: Ramp) -> npt.NDArray[np.uint32]:
    return values.astype(np.uint32) * 65537


KINDS: dict[str, Callable[[Ramp], bytes]] = {
    "16-bit PNG": lambda v: encoded(Image.fromarray(v), "PNG"),
    "16-bit TIFF": lambda v: encoded(Image.fromarray(v), "TIFF"),
    "16-bit TIFF, big-endian": lambda v: encoded(Image.fromarray(v.astype(">u2")), "TIFF"),
    "signed 16-bit TIFF": lambda v: tiff((v.astype(int) - 32768).astype(np.int16), 2),
    "32-bit TIFF": lambda v: tiff(squared(v), 1),
    "signed 32-bit TIFF": lambda v: tiff((squared(v) // 2).astype(np.int32), 2),
    "TIFF of real numbers": lambda v: tiff(v.astype(np.float32) / 65535 - 3, 3),
    "TIFF of real numbers with holes": lambda v: tiff(with_holes(v), 3),
    "8-bit TIFF, white is zero": lambda v: encoded(greys(v), "TIFF", tiffinfo={262: 0}),
    "48-bit PNG": lambda v: png(np.stack([v] * 3, -1), 2),
    "64-bit PNG, opaque": lambda v: png(np.stack([v, v, v, v * 0 + 65535], -1), 6),
    "grey and alpha, opaque": lambda v: encoded(
        Image.merge("LA", [greys(v), Image.new("L", greys(v).size, 255)]), "PNG"
    ),
    "palette": lambda v: encoded(greys(v).convert("P"), "PNG"),
    "CMYK JPEG of Adobe": lambda v: encoded(colours(v).convert("CMYK"), "JPEG", quality=95),
    "CMYK TIFF": lambda v: encoded(colours(v).convert("CMYK"), "TIFF"),
    "YCbCr TIFF": lambda v: encoded(colours(v).convert("YCbCr"), "TIFF"),
    "JPEG in TIFF": lambda v: encoded(colours(v), "TIFF", compression="jpeg", quality=95),
    "L*a*b* TIFF": lambda v: encoded(
        Image.merge("LAB", [greys(v), *[Image.new("L", greys(v).size, 128)] * 2]), "TIFF"
    ),
}


@pytest.mark.parametrize("side", [SIDE, LARGE])
@pytest.mark.parametrize("kind", KINDS)
def test_a_ramp_stays_a_ramp(kind: str, side: int) -> None:
    data = KINDS[kind](ramp(side))
    tolerance = 14 if kind == "L*a*b* TIFF" else 5  # lightness is not luminance
    for image in (decode(data).image, decode_thumbnail(open_image(data, None)).image):
        row = np.asarray(image, dtype=int)[image.height // 2]
        wanted = np.linspace(0, 255, image.width)
        assert np.abs(row - wanted[:, None]).max() <= tolerance


@pytest.mark.parametrize("side", [SIDE, LARGE])
def test_ink_colours_of_a_jpeg_are_right(side: int) -> None:
    """YCCK is how Adobe stores four inks; red, blue and paper must come out as such."""
    drawn = Image.new("RGB", (side, side), (255, 255, 255))
    drawn.paste((200, 30, 30), (0, 0, side // 3, side))
    drawn.paste((30, 30, 200), (side // 3, 0, 2 * side // 3, side))
    pixels = np.asarray(decode(encoded(drawn.convert("CMYK"), "JPEG", quality=95)).image, dtype=int)
    for place, colour in ((side // 6, (200, 30, 30)), (side // 2, (30, 30, 200)), (-5, (255,) * 3)):
        assert np.abs(pixels[side // 2, place] - colour).max() < 25


@pytest.mark.parametrize("side", [SIDE, LARGE])
@pytest.mark.parametrize("mode", ["16-bit grey", "48-bit colour", "1 bit", "palette"])
def test_the_transparent_colour_is_paper(mode: str, side: int) -> None:
    values = ramp(side)
    data = {
        "16-bit grey": png(values, 0, chunk(b"tRNS", struct.pack(">H", 0))),
        "48-bit colour": png(np.stack([values] * 3, -1), 2, chunk(b"tRNS", bytes(6))),
        "1 bit": encoded(Image.fromarray(values > 32767), "PNG", transparency=0),
        "palette": encoded(greys(values).convert("P"), "PNG", transparency=0),
    }[mode]
    row = np.asarray(decode(data).image, dtype=int)[side // 2]
    assert row[0].tolist() == [255, 255, 255]
    assert row[-1].min() > 250
    assert mode == "1 bit" or row[side // 4].max() < 80


def test_numbers_that_were_never_measured_are_a_flat_image() -> None:
    image = decode(tiff(np.full((64, 64), np.nan, np.float32), 3)).image
    assert image.getextrema() == ((0, 0), (0, 0), (0, 0))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC.*install pillow-heif"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "JPEG 2000.*convert it"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "a film"),
        (b"RIFF\0\0\0\0AVI LIST", "a film"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<?xml version='1.0'?>\n<svg/>", "SVG"),
        (tiff(np.zeros((64, 64)), 3), "a TIFF whose pixels"),
        (b"hello, world", "of no known image format"),
    ],
)
def test_what_is_not_read_is_named(
    data: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_registry.images.opening.can_read_heif", lambda: False)
    with pytest.raises(ImageError, match=f"(?s){words}.*expected JPEG, PNG") as caught:
        decode(data)
    assert caught.value.outcome == "not_an_image"


def test_heic_is_read_where_the_extra_is_installed() -> None:
    heif = pytest.importorskip("pi_heif")
    assert heif.libheif_version()
    photo = io.BytesIO()
    drawn = colours(ramp(SIDE))
    drawn.save(photo, "AVIF")  # nothing here writes HEIC: the extra only reads
    assert decode(photo.getvalue()).format == "avif"
    with pytest.raises(ImageError, match="HEIC or HEIF that cannot be read"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


def directory(entries: list[tuple[int, int, int, int]]) -> bytes:
    """Encode a TIFF's directory of (tag, kind, count, value)."""
    return struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", *entry) for entry in entries
    ) + bytes(4)  # fmt: skip


def with_a_thumbnail_first(*extra: tuple[int, int, int, int]) -> bytes:
    """As cameras write: a grey thumbnail, and the sensor's values in a directory below."""
    entries = [(254, 4, 1, 1), (256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 16), (279, 4, 1, 256)]
    entries = sorted([*entries, *extra])
    return b"II*\0" + struct.pack("<I", 8 + 256) + bytes(range(256)) + directory(entries)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([(330, 4, 1, 8)], "a camera's RAW file"),
        ([(50706, 1, 4, 0x0401)], "RAW file (DNG)"),
        ([(271, 2, 4, int.from_bytes(b"Foo\0", "little")), (330, 4, 1, 8)], "RAW file (Foo)"),
    ],
)
def test_a_camera_raw_file_is_not_its_thumbnail(
    extra: list[tuple[int, int, int, int]], said: str
) -> None:
    data = with_a_thumbnail_first(*extra)
    with pytest.raises(ImageError, match="develop and convert it") as caught:
        open_image(data, 10**6)
    assert said in str(caught.value)
    assert open_image(data, None).size == (16, 16)  # what a registry holds stays readable


def test_a_small_tiff_that_calls_itself_reduced_is_read() -> None:
    assert open_image(with_a_thumbnail_first(), 10**6).size == (16, 16)


@pytest.mark.parametrize("kind", [2, 3, 4, 12])
def test_a_profile_that_is_no_profile_is_ignored(kind: int) -> None:
    data = bytearray(encoded(colours(ramp(SIDE)), "TIFF", icc_profile=b"x" * 64))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, place)[0] == 34675:
            size = {2: 64, 3: 32, 4: 16, 12: 8}[kind]
            struct.pack_into("<HI", data, place + 2, kind, size)
    row = np.asarray(decode(bytes(data)).image, dtype=int)[SIDE // 2, :, 0]
    assert np.abs(row - np.linspace(0, 255, SIDE)).max() <= 5


@pytest.mark.parametrize("stated", [-9999.0, -1234.5])
def test_numbers_for_not_measured_do_not_set_the_range(stated: float) -> None:
    values = ramp(SIDE).astype(np.float32) / 65535
    values[:10, :10] = stated
    tags = {} if stated == -9999 else {42113: f"{stated}"}
    data = encoded(Image.fromarray(values), "TIFF", tiffinfo=tags)
    row = np.asarray(decode(data).image, dtype=int)[SIDE // 2, :, 0]
    assert np.abs(row - np.linspace(0, 255, SIDE)).max() <= 5
