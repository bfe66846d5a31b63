"""Files that are made to harm whoever decodes them."""

import io
import struct
import zipfile
import zlib

import numpy as np
from pictures import encoded, jpeg, photo, png_chunk
from PIL import Image

PNG_START = b"\x89PNG\r\n\x1a\n"


def png_with(*chunks: bytes) -> bytes:
    """Build a good PNG with further chunks behind its header."""
    good = encoded(photo(), "PNG")
    after_header = len(PNG_START) + 25
    return good[:after_header] + b"".join(chunks) + good[after_header:]


def packed_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)]
    return b"".join([*pieces, packer.flush()])


def text_bomb(count: int = 60) -> bytes:
    """Each text stays below Pillow's own limit for one; together they do not."""
    packed = packed_zeros(1_000_000)
    return png_with(*(png_chunk(b"zTXt", b"k%d\0\0" % k + packed) for k in range(count)))


def international_text_bomb() -> bytes:
    return png_with(png_chunk(b"iTXt", b"k\0\1\0en\0k\0" + packed_zeros(50_000_000)))


def profile_bomb() -> bytes:
    return png_with(png_chunk(b"iCCP", b"p\0\0" + packed_zeros(50_000_000)))


def overlapping_tags(count: int = 4000, length: int = 60_000) -> bytes:
    """Build a TIFF block whose tags all claim the same bytes."""
    tags = b"".join(struct.pack("<HHII", 1000 + k, 7, length, 0) for k in range(count))
    block = b"II*\0" + struct.pack("<IH", 8, count) + tags + struct.pack("<I", 0)
    return block + bytes(max(0, length - len(block)))


def jpeg_with(marker: int, body: bytes) -> bytes:
    good = jpeg()
    return good[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + good[2:]


def exif_bomb() -> bytes:
    return jpeg_with(0xE1, b"Exif\0\0" + overlapping_tags())


def multi_picture_bomb() -> bytes:
    return jpeg_with(0xE2, b"MPF\0" + overlapping_tags())


def tiff_bomb() -> bytes:
    return overlapping_tags(count=5000, length=5_000_000)


def scan_bomb(scans: int = 1000) -> bytes:
    """Build a progressive JPEG whose last scan comes again and again."""
    good = encoded(photo(), progressive=True)
    last = good.rindex(b"\xff\xda")
    return good[:last] + good[last:-2] * scans + b"\xff\xd9"


def zipped_behind(image: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.sh", "echo hello")
    return image + buffer.getvalue()


def gif_script() -> bytes:
    """Build a GIF that a browser would also run as a script."""
    good = bytearray(encoded(photo(), "GIF"))
    good[6:8] = b"/*"
    return bytes(good) + b"*/=1;alert(1);//"


def large_png(side: int, mode: str = "RGB") -> bytes:
    """Draw a PNG of a few hundred kilobytes without holding it whole."""
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    kinds = {"L": 0, "RGB": 2, "RGBA": 6}
    row = np.repeat(np.linspace(0, 255, side).astype(np.uint8), channels).tobytes()
    packer = zlib.compressobj(1)
    lines = b"".join(packer.compress(b"\0" + row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, kinds[mode], 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), png_chunk(b"IDAT", lines), png_chunk(b"IEND", b"")]
    return PNG_START + b"".join(chunks)


def huge_webp_header(width: int = 16_000, height: int = 16_000) -> bytes:
    """Build a WebP whose header claims a canvas that its picture does not fill."""
    inner = encoded(photo(), "WEBP")[12:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wide_tiles_tiff(side: int = 40_000) -> bytes:
    """Build a small TIFF in one tile whose header claims a huge one."""
    entries = [(256, 3, 100), (257, 3, 100), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    entries += [(322, 4, side), (323, 4, side), (324, 4, 200), (325, 4, 10)]
    tags = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + struct.pack("<I", 0)
    return head.ljust(200, b"\0") + zlib.compress(bytes(1_000_000))


def svg() -> bytes:
    return (
        b'<?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
        b'"x.dtd">\n<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
    )


def flat(side: int = 200) -> bytes:
    return encoded(Image.new("RGB", (side, side), "white"))


def big_tiff_bomb(count: int = 5000, length: int = 2_000_000) -> bytes:
    """Build a TIFF of 64-bit offsets whose tags all claim the same bytes."""
    tags = b"".join(struct.pack("<HHQQ", 40_000 + k, 7, length, 0) for k in range(count))
    block = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, count) + tags + bytes(8)
    return block + bytes(length)


def exif_in_avif_bomb() -> bytes:
    """Build an AVIF with tags that claim the same bytes thousands of times."""
    return encoded(photo(), "AVIF", exif=b"Exif\0\0" + overlapping_tags(4000, 200_000))


def strip_table_bomb(strips: int = 3_000_000) -> bytes:
    """Build a TIFF of one line that lists millions of strips, each a number in Python."""
    first = 8 + 2 + 12 * 9 + 4
    entries = [(256, 3, 1, 100), (257, 3, 1, 100), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, strips, first), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, strips, first)]
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4 + 4 * strips)
