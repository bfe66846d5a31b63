"""Recognise camera RAW files that decoders open as a TIFF.

Their first picture is a thumbnail of some hundred pixels. Decoders return it without a word, and
the photograph itself lies in a part that they cannot develop.
"""

from typing import Any

from PIL import Image

_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 262, 271, 330, 50706
_REDUCED = 1  # bit of the subfile type: a smaller copy of another picture in the file
_SENSOR_VALUES = (32803, 34892)  # colour filter array, linear raw
_CANON_MARK = b"CR"
_PHASE_ONE_MARKS = (b"IIII", b"MMMM")


def describe_raw_photograph(image: Image.Image, data: bytes) -> str:
    """Describe an opened file that is a camera's RAW file; empty where it is none.

    Args:
        image: from `Image.open`, not loaded.
        data: the file.
    """
    if image.format != "TIFF":
        return ""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    if _DNG_VERSION in tags:
        return "a camera's RAW file (DNG)"
    is_marked = data[8:10] == _CANON_MARK or data[8:12] in _PHASE_ONE_MARKS
    is_sensor = tags.get(_PHOTOMETRIC) in _SENSOR_VALUES
    if is_marked or is_sensor or _is_thumbnail(image, tags):
        make = str(tags.get(_MAKE, "")).strip("\0 ")
        return f"a camera's RAW file ({make})" if make else "a camera's RAW file"
    return ""


def _is_thumbnail(image: Image.Image, tags: Any) -> bool:
    kind = tags.get(_SUBFILE_TYPE, 0)
    is_reduced = isinstance(kind, int) and bool(kind & _REDUCED)
    return is_reduced and (_SUB_DIRECTORIES in tags or getattr(image, "n_frames", 1) > 1)
