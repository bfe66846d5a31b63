"""An image's record, made from its bytes and pixels."""

from data_registry.images.hashing import perceptual_hashes, sha256_of
from data_registry.images.pixels import Decoded
from data_registry.images.records import ImageRecord


def describe(data: bytes, decoded: Decoded, sha256: str = "") -> ImageRecord:
    """What the registry keeps about an image.

    Args:
        data: the original file.
        decoded: its pixels, as `data_registry.pixels.decode` gave them.
        sha256: the file's name, where it was already asked for.
    """
    phash, dhash = perceptual_hashes(decoded.image)
    return ImageRecord(
        sha256=sha256 or sha256_of(data),
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        byte_count=len(data),
        phash=phash,
        dhash=dhash,
    )
