"""Inspect a file from the web before any decoder reads it.

It refuses drawings (SVG) and files that are also an archive, a page or a script, each with its own
outcome; `data_registry.images.file_structure` refuses harmful metadata. The work is bounded by the
file's length.
"""

import io
import re
import zipfile

from collectors.outcomes import Outcome
from data_registry.errors import ImageError
from data_registry.images.file_structure import check_structure

_WINDOW = 64 * 1024  # bytes searched for other formats at either end; a ZIP's end lies there too

_FIRST_ELEMENT = re.compile(rb"<([a-z][\w:.-]*)", re.IGNORECASE)
_PAGE = re.compile(rb"<(?:script|html|iframe|!doctype html|\?php)[\s>]", re.IGNORECASE)
# Compiled, a few fixed bytes are found in half the time that `bytes` needs for it.
_ZIP_END = re.compile(rb"PK\x05\x06")
_OTHER_FORMATS = {
    re.compile(rb"%PDF-"): "a PDF document",
    re.compile(rb"Rar!\x1a\x07"): "a RAR archive",
    re.compile(rb"7z\xbc\xaf\x27\x1c"): "a 7z archive",
}
# Where a number can also be read as the beginning of a script's comment or assignment:
# GIF89a/*…*/=1;alert(1)
_SCRIPT_PLACES = {b"GIF8": 6, b"BM": 2, b"RIFF": 4, b"\xff\xd8": 4}
_SCRIPT_START = re.compile(rb"/\*|=[\x20-\x7e]")
_SCRIPT_REST = re.compile(rb"(?:\*/|;)[\x09\x0a\x0d\x20-\x7e]{4}")


def check_before_opening(data: bytes) -> None:
    """Refuse drawings, and files whose header is harmful to read.

    Raises:
        ImageError: outcome ``vector_image`` or ``metadata_bomb``; never anything else, whatever
            the bytes are.
    """
    if _is_svg(data):
        raise ImageError(Outcome.VECTOR_IMAGE, "the file is SVG, which has no pixels")
    check_structure(data)


def check_nature(data: bytes) -> None:
    """Refuse an image that is also a file of another kind.

    Raises:
        ImageError: outcome ``polyglot``; never anything else, whatever the bytes are.
    """
    second = _find_second_nature(data)
    if second:
        raise ImageError(Outcome.POLYGLOT, f"the image is {second} as well")


def _is_svg(data: bytes) -> bool:
    text = data[:_WINDOW].removeprefix(b"\xef\xbb\xbf").lstrip()
    first = _FIRST_ELEMENT.search(text) if text.startswith(b"<") else None
    return first is not None and first[1].lower().rpartition(b":")[2] == b"svg"


def _find_second_nature(data: bytes) -> str:
    """Find what else the file is; empty if nothing known."""
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
