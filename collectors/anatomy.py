"""What a file is made of, seen before any decoder is let near it.

Image files can carry far more than pixels. Refused here, each by its own name, are drawings (SVG),
files that are an archive, a page or a script as well, metadata that unpack to far more than an
image needs, and JPEGs of endless scans. Everything is bounded by the file's own length.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice

from collectors.outcomes import Outcome
from data_registry.errors import ImageError

_MOST_TEXT = 4 * 1024 * 1024  # bytes that PNG texts and profiles may unpack to, together
_MOST_CHUNKS = 100_000
_MOST_SCANS = 200  # of a JPEG; encoders make about ten, and each costs a pass over all pixels
_WINDOW = 64 * 1024  # bytes searched for other formats at either end; a ZIP's end lies there too

_FIRST_ELEMENT = re.compile(rb"<([a-z][\w:.-]*)", re.IGNORECASE)
_PAGE = re.compile(rb"<(?:script|html|iframe|!doctype html|\?php)[\s>]", re.IGNORECASE)
# Compiled, a few fixed bytes are found in half the time that `bytes` needs for it.
_SCAN = re.compile(rb"\xff\xda")
_ZIP_END = re.compile(rb"PK\x05\x06")
_OTHER_FORMATS = {
    re.compile(rb"%PDF-"): "a PDF document",
    re.compile(rb"Rar!\x1a\x07"): "a RAR archive",
    re.compile(rb"7z\xbc\xaf\x27\x1c"): "a 7z archive",
}
# Where a number stands that can also be read as the beginning of a comment or an assignment of a
# script: GIF89a/*…*/=1;alert(1)
_SCRIPT_PLACES = {b"GIF8": 6, b"BM": 2, b"RIFF": 4, b"\xff\xd8": 4}
_SCRIPT_START = re.compile(rb"/\*|=[\x20-\x7e]")
_SCRIPT_REST = re.compile(rb"(?:\*/|;)[\x09\x0a\x0d\x20-\x7e]{4}")

_VALUE_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # bytes of a TIFF value, by its type
_PNG = b"\x89PNG\r\n\x1a\n"


def check_before_opening(data: bytes) -> None:
    """Refuse what would harm whoever reads the header, and what is a drawing.

    Raises:
        ImageError: outcome ``vector_image``, ``metadata_bomb`` or ``decoding_bomb``; never
            anything else, whatever the bytes are.
    """
    if _is_svg(data):
        raise ImageError(Outcome.VECTOR_IMAGE, "the file is SVG, which has no pixels")
    _check_metadata(data)


def check_nature(data: bytes) -> None:
    """Refuse an image that is something else as well.

    Raises:
        ImageError: outcome ``polyglot``; never anything else, whatever the bytes are.
    """
    second = _second_nature(data)
    if second:
        raise ImageError(Outcome.POLYGLOT, f"the image is {second} as well")


def has_more_scans(jpeg: bytes, count: int) -> bool:
    """Whether a JPEG has the marker of a scan more than `count` times."""
    return next(islice(_SCAN.finditer(jpeg), count, None), None) is not None


def _is_svg(data: bytes) -> bool:
    text = data[:_WINDOW].removeprefix(b"\xef\xbb\xbf").lstrip()
    first = _FIRST_ELEMENT.search(text) if text.startswith(b"<") else None
    return first is not None and first[1].lower().rpartition(b":")[2] == b"svg"


def _check_metadata(data: bytes) -> None:
    if data.startswith(b"\xff\xd8"):
        if has_more_scans(data, _MOST_SCANS):
            raise ImageError(
                Outcome.DECODING_BOMB, f"more than {_MOST_SCANS} scans, each a pass over all pixels"
            )
        for block in _jpeg_tag_blocks(data):
            _check_tags(block)
    elif data.startswith((b"II", b"MM")):
        _check_tags(data)
    elif data.startswith(_PNG):
        _check_png(data)


def _second_nature(data: bytes) -> str:
    """What else the file is; empty if nothing that we know."""
    ends = data if len(data) <= 2 * _WINDOW else data[:_WINDOW] + data[-_WINDOW:]
    for mark, name in _OTHER_FORMATS.items():
        if mark.search(ends):
            return name
    if _PAGE.search(ends):
        return "a page or script"
    if _is_script(data):
        return "a script"
    return "a ZIP archive" if _ZIP_END.search(ends) and _is_zip(data) else ""


def _is_script(data: bytes) -> bool:
    for start, place in _SCRIPT_PLACES.items():
        if data.startswith(start) and _SCRIPT_START.match(data, place):
            return bool(_SCRIPT_REST.search(data, place))
    return False


def _is_zip(data: bytes) -> bool:
    """Whether a ZIP reader finds a list of files; the four bytes alone may be chance."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return bool(archive.infolist())
    except Exception:  # what is no archive fails in many ways
        return False


def _jpeg_tag_blocks(data: bytes) -> Iterator[bytes]:
    """The TIFF blocks (EXIF, and the list of pictures of MPO) of a JPEG's header.

    A second EXIF segment goes on where the first one ended, as Pillow reads them.
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


def _check_tags(tiff: bytes) -> None:
    """Refuse tags that together claim more bytes than there are: they overlap."""
    claimed = sum(_claimed(tiff))
    if claimed > len(tiff):
        raise ImageError(
            Outcome.METADATA_BOMB,
            f"its tags claim {claimed:,} bytes of the {len(tiff):,} there are",
        )


def _claimed(tiff: bytes) -> Iterator[int]:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "<")
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            _, kind, number = struct.unpack_from(f"{order}HHI", tiff, place)
            size = number * (_VALUE_SIZES[kind] if kind < len(_VALUE_SIZES) else 0)
            # a value beyond the end is cut where the file ends
            yield min(size, len(tiff)) if size > 4 else 0
    except struct.error:  # the block ends early: so does every reader
        return


def _check_png(data: bytes) -> None:
    unpacked = 0
    for number, (kind, body) in enumerate(_png_chunks(data)):
        if number > _MOST_CHUNKS:
            raise ImageError(Outcome.METADATA_BOMB, f"more than {_MOST_CHUNKS:,} chunks")
        if kind == b"eXIf":
            _check_tags(bytes(body))
        elif kind in (b"zTXt", b"iCCP", b"iTXt"):
            unpacked += _unpacked(kind, bytes(body), _MOST_TEXT + 1 - unpacked)
        if unpacked > _MOST_TEXT:
            raise ImageError(
                Outcome.METADATA_BOMB, f"its texts unpack to more than {_MOST_TEXT:,} bytes"
            )


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view = memoryview(data)
    place = len(_PNG)
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        yield data[place + 4 : place + 8], view[place + 8 : place + 8 + length]
        place += 12 + length


def _unpacked(kind: bytes, body: bytes, most: int) -> int:
    """Bytes that a compressed chunk unpacks to; `most` where it goes on."""
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
