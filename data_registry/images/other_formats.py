"""Describe files that Ephyra cannot read, from their first bytes."""

import re

_CONVERT = "convert it"
_DEVELOP = "develop and convert it"
_EXPECTED = "expected JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_STARTS = {
    b"\0\0\0\x0cjP  \r\n\x87\n": f"JPEG 2000, which is not read; {_CONVERT}",
    b"\xff\x4f\xff\x51": f"JPEG 2000, which is not read; {_CONVERT}",
    b"\0\0\0\x0cJXL \r\n\x87\n": f"JPEG XL, which is not read; {_CONVERT}",
    b"8BPS": f"a Photoshop document; {_CONVERT}",
    b"\0\0\1\0": f"an icon (ICO); {_CONVERT}",
    b"icns": f"an icon (ICNS); {_CONVERT}",
    b"%!PS": f"PostScript, which is never run; {_CONVERT}",
    b"\xc5\xd0\xd3\xc6": f"PostScript, which is never run; {_CONVERT}",
    b"%PDF": f"a PDF document; {_CONVERT}",
    b"PK\x03\x04": "a ZIP archive; unpack it",
    b"\x1aE\xdf\xa3": "a film (Matroska or WebM)",
    b"\0\0\1\xba": "a film (MPEG)",
    b"FLV": "a film (FLV)",
    b"FUJIFILMCCD-RAW": f"a camera's RAW file (RAF); {_DEVELOP}",
    b"IIRO": f"a camera's RAW file (ORF); {_DEVELOP}",
    b"IIRS": f"a camera's RAW file (ORF); {_DEVELOP}",
    b"MMOR": f"a camera's RAW file (ORF); {_DEVELOP}",
    b"IIU\0": f"a camera's RAW file (RW2); {_DEVELOP}",
    b"\0MRM": f"a camera's RAW file (MRW); {_DEVELOP}",
    b"FOVb": f"a camera's RAW file (X3F); {_DEVELOP}",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself with `git lfs pull`",
    b"/annex/objects/": "a pointer of git-annex; fetch the file itself with `git annex get`",
    b"\xff\x0a": f"JPEG XL, which is not read; {_CONVERT}",
    b"v/1\x01": f"OpenEXR, which is not read; {_CONVERT}",
    b"Rar!": "a RAR archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"\x1f\x8b": "a gzip archive; unpack it",
}
_FILM = re.compile(rb"RIFF....AVI ", re.DOTALL)
_DRAWING = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)?(?:<!DOCTYPE[^>]*>\s*)?<svg", re.IGNORECASE
)
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html)", re.IGNORECASE | re.DOTALL
)
_DICOM = re.compile(rb".{128}DICM", re.DOTALL)
_PATTERNS = {
    _FILM: "a film (AVI)",
    _DICOM: f"DICOM, which is not read; {_CONVERT}",
    _PAGE: "a web page, no image; download the image itself",
    _DRAWING: f"SVG, which has no pixels; {_CONVERT}",
}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def describe_unreadable_file(data: bytes, reads_heif: bool) -> str:
    """Describe an unreadable file: what it is, what was expected, and what to do.

    Args:
        data: the file.
        reads_heif: whether a decoder for HEIC is installed; the file is then a broken one.
    """
    return state_expected_formats(_describe(data, reads_heif))


def state_expected_formats(description: str) -> str:
    """Add the formats that are read to what was found."""
    return f"{description}; {_EXPECTED}"


def _describe(data: bytes, reads_heif: bool) -> str:
    if data[4:8] == b"ftyp":
        return _describe_box_file(data[8:12], reads_heif)
    if not data:
        return "the file is empty"
    if data.startswith(_TIFF):
        return f"a TIFF whose pixels are stored in a way that is not read; {_CONVERT}"
    for pattern, words in _PATTERNS.items():
        if pattern.match(data[:4096]):
            return words
    named = (words for start, words in _STARTS.items() if data.startswith(start))
    return next(named, f"the first bytes {data[:12]!r} are of no known image format")


def _describe_box_file(brand: bytes, reads_heif: bool) -> str:
    if brand == b"crx ":
        return f"a camera's RAW file (CR3); {_DEVELOP}"
    if brand not in _HEIF_BRANDS:
        return "AVIF that cannot be read" if brand in _AVIF_BRANDS else "a film (MP4 or the like)"
    if reads_heif:
        return f"HEIC or HEIF that cannot be read; {_CONVERT}"
    return (
        f"HEIC or HEIF, as phones store photos; {_CONVERT}, or install pillow-heif (or its reading "
        "half pi-heif, which is Ephyra's extra `heif`)"
    )
