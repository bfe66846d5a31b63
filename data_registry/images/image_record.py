"""Build an image's record from its bytes and pixels."""

from data_registry.images.hashing import compute_perceptual_hashes, compute_sha256
from data_registry.images.pixels import DecodedImage
from data_registry.images.records import ImageRecord


def build_image_record(data: bytes, decoded: DecodedImage, sha256: str = "") -> ImageRecord:
    """Build the record that the registry stores about an image.

    Args:
        data: the original file.
        decoded: its pixels, as `data_registry.images.pixels.decode` gave them.
        sha256: of the file, where it was computed before.
    """
    phash, dhash = compute_perceptual_hashes(decoded.image)
    return ImageRecord(
        sha256=sha256 or compute_sha256(data),
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        byte_count=len(data),
        phash=phash,
        dhash=dhash,
    )
