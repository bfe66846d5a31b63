"""Turn fetched bytes into an image record, or the reason why they are no usable image."""

from bisect import bisect_left, bisect_right
from itertools import accumulate

from PIL import Image

from collectors.checks.check_settings import CheckSettings
from collectors.checks.file_inspection import check_before_opening, check_nature
from collectors.outcomes import Outcome
from data_registry.errors import ImageError
from data_registry.images.decoding_cost import check_memory, check_scans
from data_registry.images.hashing import compute_sha256
from data_registry.images.image_record import build_image_record
from data_registry.images.memory import SharedMemory, give_back_large_blocks
from data_registry.images.opening import open_image
from data_registry.images.records import ImageRecord
from data_registry.images.thumbnail_decode import decode_thumbnail, estimate_thumbnail_bytes

_GRID = (64, 64)
_LEFT_OUT = 20  # of the 4,096 cells at either end
_VALUES = 256


class ImageCheck:
    """Checks images from many threads, which share the memory for decoding."""

    def __init__(self, settings: CheckSettings) -> None:
        give_back_large_blocks()
        self._settings = settings
        self._memory = SharedMemory(settings.memory_bytes)

    def check(self, data: bytes, sha256: str) -> ImageRecord:
        """Decode the image completely, check it, and describe it.

        Args:
            data: the file.
            sha256: its name.

        Raises:
            ImageError: with the outcome ``vector_image``, ``polyglot``, ``metadata_bomb``,
                ``decoding_bomb``, ``not_an_image``, ``truncated``, ``too_many_pixels``,
                ``too_much_memory``, ``too_small``, ``too_narrow`` or ``blank``; never anything
                else, whatever the bytes are.
        """
        check_before_opening(data)
        image = open_image(data, self._settings.max_pixels)
        check_nature(data)
        _check_sides(image, self._settings)
        check_scans(image, data)
        needed = estimate_thumbnail_bytes(image, data)
        check_memory(image, needed, self._settings.memory_bytes)
        with self._memory.reserve(needed):
            decoded = decode_thumbnail(image)
            del image
        _check_contrast(decoded.image, self._settings.min_contrast)
        return build_image_record(data, decoded, sha256)


def check_image(data: bytes, settings: CheckSettings) -> ImageRecord:
    """Check one image alone; see `ImageCheck.check`."""
    return ImageCheck(settings).check(data, compute_sha256(data))


def measure_contrast(image: Image.Image) -> int:
    """Measure the spread of an image's colours: 0 (one flat colour) to 255.

    The image is reduced to 64 x 64 cells of averaged colour, which removes noise and compression
    artefacts. The contrast is the range of the cells without the 20 lowest and the 20 highest, in
    the channel where it is largest: an animal that covers one hundredth of an otherwise flat
    picture counts, a few specks do not.

    Args:
        image: RGB.
    """
    counts = image.resize(_GRID, Image.Resampling.BOX).histogram()
    return max(_spread(counts[start : start + _VALUES]) for start in range(0, len(counts), _VALUES))


def _spread(counts: list[int]) -> int:
    """Measure from the lowest to the highest value, without the extremes left out."""
    up_to = list(accumulate(counts))
    return bisect_left(up_to, up_to[-1] - _LEFT_OUT) - bisect_right(up_to, _LEFT_OUT)


def _check_sides(image: Image.Image, settings: CheckSettings) -> None:
    shorter, longer = sorted(image.size)
    found = f"{image.width} x {image.height} pixels"
    if shorter < settings.min_side:
        raise ImageError(
            Outcome.TOO_SMALL, f"{found}; at least {settings.min_side} a side are expected"
        )
    if longer > settings.max_aspect * shorter:
        raise ImageError(
            Outcome.TOO_NARROW,
            f"{found}; one side is expected to be at most {settings.max_aspect:g} times the other",
        )


def _check_contrast(image: Image.Image, min_contrast: float) -> None:
    found = measure_contrast(image)
    if found < min_contrast:
        raise ImageError(
            Outcome.BLANK,
            f"its contrast is {found} of 255; at least {min_contrast:.1f} is expected",
        )
