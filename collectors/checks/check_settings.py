"""What a collected image must be."""

from dataclasses import dataclass

from data_registry.images.image_limits import DEFAULT_LIMITS


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """What an image must be to be stored.

    Attributes:
        max_pixels: largest width times height.
        memory_bytes: memory for decoding, over all threads; see `estimate_decoding_bytes`.
        min_side: smallest shorter side, in pixels.
        max_aspect: largest ratio of the longer to the shorter side.
        min_contrast: contrast below which an image is blank, see `measure_contrast`; 0 to 255.
    """

    max_pixels: int = DEFAULT_LIMITS.max_pixels
    memory_bytes: int = 150_000_000
    min_side: int = 64
    max_aspect: float = 8.0
    min_contrast: float = 8.0
