"""Files that are more than an image: each is refused by its own name, and real ones are not."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_pictures import (
    exif_bomb,
    flat,
    gif_script,
    international_text_bomb,
    jpeg_with,
    multi_picture_bomb,
    png_with,
    profile_bomb,
    scan_bomb,
    svg,
    text_bomb,
    tiff_bomb,
    wide_tiles_tiff,
    zipped_behind,
)
from hypothesis import given
from hypothesis import strategies as st
from pictures import encoded, jpeg, photo, png_chunk
from PIL import Image

from collectors.checks.check_settings import CheckSettings
from collectors.checks.file_inspection import check_before_opening, check_nature
from collectors.checks.image_check import check_image
from collectors.outcomes import Outcome
from data_registry.errors import ImageError

CHECK = CheckSettings()


def outcome_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        check_image(data, CHECK)
    assert str(caught.value)
    return caught.value.outcome


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (svg, Outcome.VECTOR_IMAGE),
        (text_bomb, Outcome.METADATA_BOMB),
        (international_text_bomb, Outcome.METADATA_BOMB),
        (profile_bomb, Outcome.METADATA_BOMB),
        (exif_bomb, Outcome.METADATA_BOMB),
        (multi_picture_bomb, Outcome.METADATA_BOMB),
        (tiff_bomb, Outcome.METADATA_BOMB),
        (scan_bomb, Outcome.DECODING_BOMB),
        (wide_tiles_tiff, Outcome.TOO_MUCH_MEMORY),
        (gif_script, Outcome.POLYGLOT),
        (lambda: zipped_behind(jpeg()), Outcome.POLYGLOT),
        (lambda: zipped_behind(encoded(photo(), "PNG")), Outcome.POLYGLOT),
        (lambda: jpeg() + b"\n<script>alert(1)</script>", Outcome.POLYGLOT),
        (lambda: jpeg() + b"<HTML >", Outcome.POLYGLOT),
        (lambda: jpeg_with(0xFE, b"<?php system($_GET['c']); ?>"), Outcome.POLYGLOT),
        (lambda: png_with(png_chunk(b"tEXt", b"k\0<!DOCTYPE html>")), Outcome.POLYGLOT),
        (lambda: jpeg_with(0xFE, b"%PDF-1.4\n"), Outcome.POLYGLOT),
        (lambda: jpeg() + b"Rar!\x1a\x07\x01\x00", Outcome.POLYGLOT),
        (lambda: jpeg() + b"7z\xbc\xaf\x27\x1c", Outcome.POLYGLOT),
        (flat, Outcome.BLANK),
    ],
)
def test_each_kind_has_its_name(make: Callable[[], bytes], outcome: Outcome) -> None:
    assert outcome_of(make()) == outcome


@pytest.mark.parametrize(
    "text",
    [
        b"<svg/>",
        b"\xef\xbb\xbf \n<svg xmlns='x'>",
        b"<?xml version='1.0'?><!-- a > b --><svg:svg xmlns:svg='x'>",
        b"<!DOCTYPE svg [<!ENTITY x 'y'>]>\n<SVG>",
    ],
)
def test_drawings_are_known(text: bytes) -> None:
    assert outcome_of(text) == Outcome.VECTOR_IMAGE


@pytest.mark.parametrize("text", [b"<html><svg/></html>", b"<p>svg", b"svg", b"<"])
def test_pages_are_no_drawings(text: bytes) -> None:
    assert outcome_of(text) == Outcome.NOT_AN_IMAGE


def camera(length: int, place: int) -> bytes:
    """Build an EXIF block that turns the picture; its maker claims this length at this place."""
    tags = struct.pack("<HHII", 0x010F, 2, length, place) + struct.pack("<HHII", 0x0112, 3, 1, 6)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4) + b"Camera" * 9


@pytest.mark.parametrize(
    ("length", "place"), [(18_350_080, 50), (60, 9000), (60, 2**32 - 1), (2**32 - 1, 50)]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_wrong_length_in_a_good_photograph_is_no_harm(kind: str, length: int, place: int) -> None:
    """What counts is what a reader would copy, not whether the tags fit the block."""
    block = camera(length, place)
    data = jpeg_with(0xE1, block) if kind == "JPEG" else encoded(photo(), kind, exif=block)
    record = check_image(data, CHECK)
    assert (record.width, record.height) == (120, 160)


def test_nobody_is_warned_of_a_wrong_length(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(jpeg_with(0xE1, camera(18_350_080, 50)))
    program = (
        "import sys, pathlib; from data_registry.images.pixels import decode; "
        "decode(pathlib.Path(sys.argv[1]).read_bytes())"
    )
    command = [sys.executable, "-c", program, tmp_path / "photo.jpg"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("", "")


def exif_of(size: int) -> bytes:
    """Build an EXIF block with an orientation and a value of this size behind the tags."""
    tags = struct.pack("<HHII", 0x0112, 3, 1, 1) + struct.pack("<HHII", 0x927C, 7, size, 38)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4 + size)


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with(0xE1, exif_of(60_000)),
        jpeg_with(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:RDF/></x:xmpmeta>"),
        jpeg() + b"\0\0\0\x18ftypmp42" + bytes(1000),  # a phone's film behind the photo
        jpeg() + b"PK\x05\x06" + bytes(18),  # the mark alone is no archive
        png_with(png_chunk(b"tEXt", b"Comment\0a <b>fine</b> day")),
        png_with(png_chunk(b"zTXt", b"k\0\0broken")),
        encoded(photo(), "PNG", icc_profile=bytes(100_000)),
        encoded(photo(), "TIFF", compression="tiff_deflate"),
        encoded(photo(), progressive=True),
        encoded(photo(), "WEBP", exif=exif_of(100)),
    ],
)
def test_what_ordinary_files_carry_is_no_harm(data: bytes) -> None:
    assert check_image(data, CHECK).byte_count == len(data)


def test_a_script_start_needs_a_script() -> None:
    """10,799 pixels a line are written like the beginning of a comment."""
    data = bytearray(encoded(Image.new("L", (0x2A2F, 64)), "GIF"))
    check_nature(bytes(data))
    with pytest.raises(ImageError, match="script"):
        check_nature(bytes(data) + b"*/=1;alert(1)")


@given(st.binary(max_size=300), st.sampled_from([b"\xff\xd8", b"II*\0", b"MM\0*", b"\x89PNG", b""]))
def test_any_bytes_are_judged_without_another_error(data: bytes, start: bytes) -> None:
    for check in (check_before_opening, check_nature):
        try:
            check(start + data)
        except ImageError as error:
            assert Outcome(error.outcome)


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_any_chunks_are_judged_without_another_error(bodies: list[bytes]) -> None:
    kinds = (b"zTXt", b"iTXt", b"iCCP", b"eXIf")
    chunks = [png_chunk(kinds[k % 4], body) for k, body in enumerate(bodies)]
    segments = b"".join(
        b"\xff\xe1" + struct.pack(">H", len(body) + 2) + b"Exif\0\0" + body for body in bodies
    )
    for data in (png_with(*chunks), b"\xff\xd8" + segments):
        try:
            check_before_opening(data)
        except ImageError as error:
            assert error.outcome == Outcome.METADATA_BOMB
