"""Limits on image files from outside, and reading a file within them."""

from dataclasses import dataclass
from pathlib import Path

from data_registry.errors import ImageError, InputError

DEFAULT_MAX_PIXELS = 50_000_000
# The most that decoding takes of a pixel, whatever the format: an animated WebP's two canvases.
_MOST_BYTES_A_PIXEL = 20


@dataclass(frozen=True)
class ImageLimits:
    """Limits on files that come from outside.

    They apply where an image comes in: at `import`, `audit`, `collect`, `predict` and on the sites.
    A stored image has passed them, and is decoded even where a limit is lowered later.

    Attributes:
        max_bytes: largest file.
        max_pixels: width times height.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = DEFAULT_MAX_PIXELS

    @property
    def memory_bytes(self) -> int:
        """Bytes that decoding one image may take; a correct header never needs more."""
        return _MOST_BYTES_A_PIXEL * self.max_pixels


DEFAULT_LIMITS = ImageLimits()
_MILLION = 1_000_000
# What a limit may be, in millions; numbers beyond are slips of the pen, or not finite.
LEAST_MILLIONS, MOST_MILLIONS = 0.001, 1_000_000
_SETTINGS = "([collect] {} in ephyra.toml, or --{} of `ephyra audit`)"
BYTES_SETTING = _SETTINGS.format("max_megabytes", "max-megabytes")
PIXELS_SETTING = _SETTINGS.format("max_megapixels", "max-megapixels")


def build_limits(megabytes: float, megapixels: float) -> ImageLimits:
    """Build limits from millions of bytes and of pixels.

    Raises:
        InputError: a number is outside of `LEAST_MILLIONS` to `MOST_MILLIONS`.
    """
    for number, setting in ((megabytes, BYTES_SETTING), (megapixels, PIXELS_SETTING)):
        if not LEAST_MILLIONS <= number <= MOST_MILLIONS:  # nan is refused too
            raise InputError(
                f"a limit on images is {number:g}; expected {LEAST_MILLIONS:g} to "
                f"{MOST_MILLIONS:,} {setting}"
            )
    return ImageLimits(expand_millions(megabytes), expand_millions(megapixels))


def expand_millions(millions: float) -> int:
    """Turn megabytes into bytes, and megapixels into pixels."""
    return round(millions * _MILLION)


def shrink_to_millions(count: int) -> float:
    """Turn bytes into megabytes, and pixels into megapixels; whole ones without a point."""
    whole, rest = divmod(count, _MILLION)
    return count / _MILLION if rest else whole


def read_image_file(path: Path, max_bytes: int) -> bytes:
    """Read a file, never more than the allowed bytes.

    Raises:
        ImageError: outcome ``too_large`` or ``unreadable_file``.
    """
    try:
        size = path.stat().st_size
        if size <= max_bytes:
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
            size = len(data)
    except OSError as error:
        raise ImageError(
            "unreadable_file", f"the file cannot be read: {error.strerror or error}"
        ) from error
    refuse_large(size, max_bytes)
    return data


def refuse_large(size: int, max_bytes: int) -> None:
    """Refuse a file that has too many bytes.

    Raises:
        ImageError: outcome ``too_large``.
    """
    if size > max_bytes:
        raise ImageError(
            "too_large",
            f"the file has {size / 1e6:,.1f} MB; at most {max_bytes / 1e6:,g} MB are read "
            f"{BYTES_SETTING}",
        )
