"""The bytes behind every candidate of the gallery."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from flows.demo.bay import Bay
from flows.demo.drawing.animals import encode_jpeg
from flows.demo.drawing.edits import EDITS, edit_image
from flows.demo.web_gallery import Candidate

_HTML = b"<!doctype html><title>Sign in</title><p>Sign in to see this photo.</p>"
_TINY_SIDE = 24
_BLANK_SIZE = (240, 180)
_KEPT_SHARE = 0.6  # of a truncated file


class Bodies:
    """Draws, edits and spoils: what the server sends for a candidate."""

    def __init__(self, bay: Bay) -> None:
        self._bay = bay
        self.of = lru_cache(maxsize=1024)(self._make)

    def _make(self, candidate: Candidate) -> bytes:
        """Make the body for a candidate; empty for one that is missing."""
        if candidate.origin is None:
            return self._make_without_photo(candidate)
        photo = self._bay.draw_photo(candidate.origin)
        if candidate.trouble == "truncated":
            return photo[: int(len(photo) * _KEPT_SHARE)]
        edit = candidate.trouble.removeprefix("test_")
        if edit in EDITS:
            return edit_image(photo, edit, self._create_rng(candidate))
        return photo

    def _make_without_photo(self, candidate: Candidate) -> bytes:
        rng = self._create_rng(candidate)
        if candidate.trouble == "html":
            return _HTML
        if candidate.trouble == "missing":
            return b""
        if candidate.trouble == "tiny":
            pixels = rng.integers(0, 256, (_TINY_SIDE, _TINY_SIDE, 3), dtype=np.uint8)
            return encode_jpeg(Image.fromarray(pixels), 85)
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        return _encode_png(Image.new("RGB", _BLANK_SIZE, colour))

    def _create_rng(self, candidate: Candidate) -> np.random.Generator:
        return self._bay.create_rng(int(candidate.page.rpartition("/")[2]))


def read_size(body: bytes) -> tuple[int, int]:
    """Read width and height in pixels; zeros where the body is no image."""
    try:
        with Image.open(io.BytesIO(body)) as image:
            return image.size
    except OSError:
        return 0, 0


def _encode_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
