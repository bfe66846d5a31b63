"""Check the structure of an image file before any decoder reads it.

Image files can carry far more than pixels. This module refuses metadata that unpack, or are
copied, to far more than an image needs. Everything is bounded by the file's own length.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from data_registry.errors import ImageError

METADATA_BOMB = "metadata_bomb"
Buffer = bytes | memoryview

_MOST_TEXT = 4 * 1024 * 1024  # bytes that PNG texts and profiles may unpack to, together
_MOST_CHUNKS = 100_000
# Bytes that a reader of the tags may copy beyond what the file holds. A wrong length in a good
# photograph claims a few kilobytes more than there are; tags made to harm claim gigabytes.
_MOST_OVERLAP = 32 * 1024 * 1024
_MOST_TAG_BLOCKS = 100
_MOST_NUMBERS = 1_000_000  # of one TIFF tag: each becomes a Python object

# Compiled, a few fixed bytes are found in half the time that `bytes` needs for it.
_SCAN = re.compile(rb"\xff\xda")
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # those that begin or end something
_TAGS = re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+|MM\*\0|II\0\*")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9

_VALUE_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8)  # of a TIFF value, by its type
_NUMBERS = (3, 4, 5, 8, 9, 10, 11, 12, 13, 16)
_DESCRIBING_PIXELS = range(254, 533)  # the tags that a reader looks into
_PNG = b"\x89PNG\r\n\x1a\n"


def check_structure(data: bytes) -> None:
    """Refuse a file whose header is harmful to read.

    Raises:
        ImageError: outcome ``metadata_bomb``; never anything else, whatever the bytes are.
    """
    if data.startswith(b"\xff\xd8"):
        _check_tags(*_find_jpeg_tag_blocks(data))
    elif _TAGS.match(data):
        _check_tags(data)
    elif data.startswith(_PNG):
        _check_png(data)
    elif data[4:8] == b"ftyp":  # AVIF and HEIC: their EXIF may lie anywhere
        _check_tags(*_find_tag_blocks(data))


def has_more_scans(jpeg: bytes, count: int) -> bool:
    """Whether a JPEG has more than `count` scan markers, thumbnails included."""
    return next(islice(_SCAN.finditer(jpeg), count, None), None) is not None


def count_scans(jpeg: bytes, most: int) -> int:
    """Count the scans of a JPEG's first image; bytes behind it are ignored.

    Args:
        jpeg: the file; a phone may have put a film behind the photo.
        most: where counting may end.
    """
    if not has_more_scans(jpeg, most):
        return sum(1 for _ in _SCAN.finditer(jpeg))
    found, place = 0, 2
    while found <= most and (marker := _MARKER.search(jpeg, place)):
        kind = jpeg[marker.start() + 1]
        if kind == _END_OF_IMAGE:
            break
        found += kind == _START_OF_SCAN
        place = marker.end() + max(int.from_bytes(jpeg[marker.end() : marker.end() + 2], "big"), 2)
    return found


def _find_tag_blocks(data: bytes) -> Iterator[memoryview]:
    """Find whatever in a file begins as TIFF tags do; a false match is rare."""
    view = memoryview(data)
    for number, place in enumerate(_TAGS.finditer(data)):
        if number == _MOST_TAG_BLOCKS:
            raise ImageError(METADATA_BOMB, f"more than {_MOST_TAG_BLOCKS} blocks of tags")
        yield view[place.start() :]


def _find_jpeg_tag_blocks(data: bytes) -> Iterator[bytes]:
    """Find the TIFF blocks of a JPEG's header: EXIF, and the list of pictures of MPO.

    A second EXIF segment continues the first one, as Pillow reads them.
    """
    exif = b""
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] not in (b"\xda", b""):
        if data[place + 1] == 0xFF or 0xD0 <= data[place + 1] <= 0xD8:  # filling, or no content
            place += 1 if data[place + 1] == 0xFF else 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : place + 2 + length]
        if body.startswith(b"Exif\0"):
            exif += body[6:]
        elif body.startswith(b"MPF\0"):
            yield body[4:]
        place += 2 + max(length, 2)
    if exif:
        yield exif


def _check_tags(*blocks: Buffer) -> None:
    """Refuse overlapping tags, which make their reader copy far more than the file holds."""
    for tiff in blocks:
        claimed = sum(_measure_claims(tiff))
        if claimed > len(tiff) + _MOST_OVERLAP:
            raise ImageError(
                METADATA_BOMB, f"its tags claim {claimed:,} bytes of the {len(tiff):,} there are"
            )


def _measure_claims(tiff: Buffer) -> Iterator[int]:
    """Measure the bytes that each tag of the first directory claims, in both layouts."""
    order = "<" if tiff[:2] == b"II" else ">"
    yield from _measure_layout_claims(tiff, _Layout(4, f"{order}I", f"{order}H", f"{order}HHII"))
    if b"+" in bytes(tiff[:4]):  # BigTIFF
        yield from _measure_layout_claims(
            tiff, _Layout(8, f"{order}Q", f"{order}Q", f"{order}HHQQ")
        )


@dataclass(frozen=True)
class _Layout:
    """How a TIFF's first directory is found and read: a place, and formats of `struct`.

    Attributes:
        size: bytes of a place in the file; a value that fits stands in the place's stead.
    """

    size: int
    start: str
    count: str
    entry: str


def _measure_layout_claims(tiff: Buffer, layout: _Layout) -> Iterator[int]:
    try:
        (start,) = struct.unpack_from(layout.start, tiff, layout.size)
        (number,) = struct.unpack_from(layout.count, tiff, start)
        first, step = start + struct.calcsize(layout.count), struct.calcsize(layout.entry)
        for place in range(first, min(first + step * number, len(tiff)), step):
            tag, kind, values, offset = struct.unpack_from(layout.entry, tiff, place)
            size = values * (_VALUE_SIZES[kind] if kind < len(_VALUE_SIZES) else 0)
            # a value beyond the end is cut where the file ends
            there = min(size, max(len(tiff) - offset, 0)) if size > layout.size else 0
            _refuse_many_numbers(tag, kind, there)
            yield there
    except (struct.error, OverflowError):  # the block ends early: so does every reader
        return


def _refuse_many_numbers(tag: int, kind: int, size: int) -> None:
    if tag in _DESCRIBING_PIXELS and kind in _NUMBERS:
        numbers = size // _VALUE_SIZES[kind]
        if numbers > _MOST_NUMBERS:
            raise ImageError(
                METADATA_BOMB, f"its tag {tag} has {numbers:,} values; no image needs as many"
            )


def _check_png(data: bytes) -> None:
    unpacked = 0
    for number, (kind, body) in enumerate(_iterate_png_chunks(data)):
        if number > _MOST_CHUNKS:
            raise ImageError(METADATA_BOMB, f"more than {_MOST_CHUNKS:,} chunks")
        if kind == b"eXIf":
            _check_tags(bytes(body))
        elif kind in (b"zTXt", b"iCCP", b"iTXt"):
            unpacked += _measure_unpacked(kind, bytes(body), _MOST_TEXT + 1 - unpacked)
        if unpacked > _MOST_TEXT:
            raise ImageError(METADATA_BOMB, f"its texts unpack to more than {_MOST_TEXT:,} bytes")


def _iterate_png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view = memoryview(data)
    place = len(_PNG)
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        yield data[place + 4 : place + 8], view[place + 8 : place + 8 + length]
        place += 12 + length


def _measure_unpacked(kind: bytes, body: bytes, most: int) -> int:
    """Measure the bytes that a compressed chunk unpacks to, up to `most`."""
    _, _, packed = body.partition(b"\0")
    if kind == b"iTXt":
        compressed = packed[:1] == b"\1"
        packed = packed[2:].split(b"\0", 2)[-1] if compressed else b""
    else:
        packed = packed[1:]
    try:
        return len(zlib.decompressobj().decompress(packed, most))
    except zlib.error:
        return 0
