"""AVIF files put together box by box, so that they can state anything."""

import struct
from collections.abc import Sequence

from pictures import encoded
from PIL import Image

_PIXI = struct.pack(">I4sIB3B", 16, b"pixi", 0, 3, 8, 8, 8)
_FTYP = struct.pack(">I4s4sI4s4s4s", 28, b"ftyp", b"avif", 0, b"avif", b"mif1", b"miaf")


def coded_frame(width: int, height: int) -> tuple[bytes, bytes]:
    """Read the AV1 data of a plain picture, and the box that configures its decoder."""
    data = encoded(Image.new("RGB", (width, height), (30, 60, 90)), "AVIF", speed=10)
    start = data.index(b"av1C") - 4
    return data[data.index(b"mdat") + 4 :], data[start : start + 12]


def size_box(width: int, height: int) -> bytes:
    return box(b"ispe", struct.pack(">III", 0, width, height))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, content: bytes, version: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24) + content)


def lying_avif(side: int, stated: int = 100) -> bytes:
    """Build an AVIF whose header states a small square, and whose frame is a large one."""
    data = encoded(Image.new("RGB", (side, side), (30, 60, 90)), "AVIF", speed=10)
    return data.replace(size_box(side, side), size_box(stated, stated))


def lying_film(side: int, stated: int = 64) -> bytes:
    """Build a film of two large frames that states a small square everywhere."""
    frames = [Image.new("RGB", (side, side), (shade, 60, 90)) for shade in (0, 90)]
    data = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    data = data.replace(size_box(side, side), size_box(stated, stated))
    fixed, short = struct.Struct(">II"), struct.Struct(">HH")
    data = data.replace(fixed.pack(side << 16, side << 16), fixed.pack(stated << 16, stated << 16))
    return data.replace(short.pack(side, side), short.pack(stated, stated))


def grid_avif(
    tile: tuple[int, int],
    stated_tile: tuple[int, int],
    grid: tuple[int, int],
    size: tuple[int, int],
    inside: bool = False,
) -> bytes:
    """Build an AVIF whose image is a grid of equal tiles.

    Args:
        tile: width and height of the coded tiles.
        stated_tile: what the file states of them.
        grid: columns and rows.
        size: width and height of the image.
        inside: whether the tiles lie in the box of items (`idat`) instead of behind it.
    """
    frame, configuration = coded_frame(*tile)
    columns, rows = grid
    tiles = range(2, 2 + columns * rows)
    layout = bytes([0, 0, rows - 1, columns - 1]) + struct.pack(">HH", *size)
    properties = [size_box(*size), size_box(*stated_tile), _PIXI, configuration]
    kept = layout + frame if inside else layout

    def meta(start: int) -> bytes:
        places = [(1, 1, 0, len(layout))]
        places += [(n, 1, len(layout), len(frame)) if inside else (n, 0, start, len(frame))
                   for n in tiles]  # fmt: skip
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iloc", _locations(places), version=1)
            + full_box(b"iinf", struct.pack(">H", 1 + len(tiles)) + _names(tiles))
            + full_box(
                b"iref", box(b"dimg", struct.pack(f">HH{len(tiles)}H", 1, len(tiles), *tiles))
            )
            + box(b"iprp", box(b"ipco", b"".join(properties)) + full_box(b"ipma", _uses(tiles)))
            + box(b"idat", kept),
        )

    start = len(_FTYP) + len(meta(0)) + 8
    return _FTYP + meta(start) + box(b"mdat", b"" if inside else frame)


def _locations(places: Sequence[tuple[int, int, int, int]]) -> bytes:
    entries = [struct.pack(">HHHHII", number, method, 0, 1, start, size)
               for number, method, start, size in places]  # fmt: skip
    return struct.pack(">HH", 0x4400, len(places)) + b"".join(entries)


def _names(tiles: range) -> bytes:
    kinds = [(1, b"grid"), *((number, b"av01") for number in tiles)]
    return b"".join(
        full_box(b"infe", struct.pack(">HH4sx", number, 0, kind), version=2)
        for number, kind in kinds
    )


def _references(tiles: range) -> bytes:
    return struct.pack(f">HH{len(tiles)}H", 1, len(tiles), *tiles)


def _uses(tiles: range) -> bytes:
    entries = [struct.pack(">HB2B", 1, 2, 1, 3)]
    entries += [struct.pack(">HB3B", number, 3, 2, 3, 0x84) for number in tiles]
    return struct.pack(">I", len(entries)) + b"".join(entries)
