"""What an image must be to be kept."""

from dataclasses import dataclass

from data_registry.images.image_limits import DEFAULT_LIMITS


@dataclass(frozen=True)
class CheckSettings:
    """What an image must be to be kept.

    Attributes:
        max_pixels: width times height that is decoded.
        memory_bytes: what decoding may take of it, all threads together; see
            `estimate_decoding_bytes`.
        min_side: shortest side accepted, in pixels.
        max_aspect: how many times the longer side may be the shorter one.
        min_contrast: contrast below which an image is blank, see `contrast`; 0 to 255.
    """

    max_pixels: int = DEFAULT_LIMITS.max_pixels
    memory_bytes: int = 150_000_000
    min_side: int = 64
    max_aspect: float = 8.0
    min_contrast: float = 8.0
