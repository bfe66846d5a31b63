"""Find the coded data in an AVIF file: of its primary image and of its film's first frame.

Follows ISO/IEC 14496-12 (boxes and samples) and 23008-12 (items). Whatever a file repeats is read
every time, so that no reader sees an image that is not found here.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from data_registry.errors import ImageError

_CONTAINERS = frozenset({b"meta", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iinf", b"iref"})
_HEADER_BYTES = {b"meta": 4, b"iref": 4}  # before the boxes in a container
_READ = frozenset({b"pitm", b"infe", b"dimg", b"auxl", b"iloc", b"idat", b"stco", b"co64", b"stsz"})
_MOST_BOXES = 100_000
_MOST_ITEMS = 10_000
_MOST_TRACKS = 16
_MOST_STEPS = 4  # from the primary image to what it is made of: a grid, its tiles, their alpha
_CODED = b"av01"
_PARTS, _AUXILIARY = b"dimg", b"auxl"  # references: to the tiles of a grid, from an alpha channel


@dataclass(kw_only=True)
class _Container:
    """What the boxes of a file say of its images.

    Attributes:
        primary: numbers of the primary item.
        coded: numbers of the items that hold AV1 data.
        references: (kind, from, to) of items.
        extents: start and length of each item's data, by number; length 0: to the end.
        chunks, sizes: start of a track's first chunk and size of its first sample.
        item_data: the box in which items may lie.
    """

    primary: set[int] = field(default_factory=set)
    coded: set[int] = field(default_factory=set)
    references: list[tuple[bytes, int, int]] = field(default_factory=list)
    extents: dict[int, list[tuple[bool, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    chunks: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    item_data: bytes = b""


class _Reader:
    """Reads big-endian numbers one after the other; EOFError behind the last."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def read(self, size: int) -> int:
        end = self._position + size
        if end > len(self._data):
            raise EOFError("a box is cut off")
        number = int.from_bytes(self._data[self._position : end], "big")
        self._position = end
        return number


def list_coded_images(data: bytes) -> list[bytes]:
    """List the AV1 data that decoding a file's first image may read.

    These are the primary image or the tiles of its grid, their alpha channels, and the first sample
    of each track of a film. Thumbnails and other images of the file are left out.

    Args:
        data: an AVIF file.

    Raises:
        ImageError: outcome ``decoding_bomb``: the same data is used again and again.
    """
    container = _Container()
    for kind, box in _walk_boxes(data):
        try:
            _read_box(container, kind, box)
        except (EOFError, struct.error):
            continue  # no reader takes such a box
    pieces = [_list_pieces(data, container, item) for item in _select_decoded(container)]
    if sum(len(piece) for item in pieces for piece in item) > _MOST_STEPS * len(data):
        raise ImageError("decoding_bomb", "its images overlap")
    if max(len(container.chunks), len(container.sizes)) > _MOST_TRACKS:
        raise ImageError("decoding_bomb", f"more than {_MOST_TRACKS} tracks")
    samples = [
        data[start : start + size] if size else data[start:]
        for start in container.chunks
        for size in container.sizes
    ]
    return [b"".join(item) for item in pieces] + samples


def _walk_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of every box that is read, those in containers included."""
    waiting, count = [memoryview(data)], 0
    while waiting:
        content, position = waiting.pop(), 0
        while position + 8 <= len(content) and count < _MOST_BOXES:
            count += 1
            header, size, kind = _read_box_header(content, position)
            if size < header:
                break
            body = content[position + header : position + size]
            if kind in _CONTAINERS:
                waiting.append(body[_count_header_bytes(kind, body) :])
            elif kind in _READ:
                yield kind, bytes(body)
            position += size


def _read_box_header(content: memoryview, position: int) -> tuple[int, int, bytes]:
    """Read the length of a box's header, the length of the box, and its type."""
    size, kind = struct.unpack_from(">I4s", content, position)
    if size == 1 and position + 16 <= len(content):
        return 16, struct.unpack_from(">Q", content, position + 8)[0], kind
    return 8, size or len(content) - position, kind


def _count_header_bytes(kind: bytes, body: memoryview) -> int:
    if kind == b"iinf":
        return 8 if bytes(body[:1]) != b"\0" else 6
    return _HEADER_BYTES.get(kind, 0)


def _read_box(container: _Container, kind: bytes, body: bytes) -> None:
    if kind == b"pitm":
        container.primary.add(int.from_bytes(body[4 : 6 if body[:1] == b"\0" else 8], "big"))
    elif kind == b"infe":
        wide = body[:1] > b"\x02"
        number, _, item_type = struct.unpack_from(">IH4s" if wide else ">HH4s", body, 4)
        if item_type == _CODED:
            container.coded.add(number)
    elif kind in (_PARTS, _AUXILIARY):
        container.references += [(kind, *pair) for pair in _read_references(body)]
    elif kind == b"iloc":
        _read_locations(container, body)
    elif kind == b"idat":
        container.item_data = container.item_data or body
    elif kind in (b"stco", b"co64"):
        container.chunks.append(struct.unpack_from(">I" if kind == b"stco" else ">Q", body, 8)[0])
    elif kind == b"stsz":
        fixed, _ = struct.unpack_from(">II", body, 4)
        container.sizes.append(fixed or struct.unpack_from(">I", body, 12)[0])


def _read_references(body: bytes) -> Iterator[tuple[int, int]]:
    """Read the items of a reference; numbers have two or four bytes, which `iref` alone knows."""
    for size in (2, 4):
        reader = _Reader(body)
        try:
            source, count = reader.read(size), reader.read(2)
            pairs = [(source, reader.read(size)) for _ in range(count)]
        except EOFError:
            continue
        if len(body) == size + 2 + count * size:
            yield from pairs


def _read_locations(container: _Container, body: bytes) -> None:
    version = body[0] if body else 0
    reader = _Reader(body[4:])
    sizes = reader.read(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    number_size = 4 if version > 1 else 2
    for _ in range(min(reader.read(number_size), _MOST_ITEMS)):
        number = reader.read(number_size)
        is_inside = bool(version and reader.read(2) & 15)  # in `idat`
        reader.read(2)  # the data reference
        base = reader.read(base_size)
        for _ in range(reader.read(2)):
            reader.read(index_size)
            start = base + reader.read(offset_size)
            container.extents[number].append((is_inside, start, reader.read(length_size)))


def _select_decoded(container: _Container) -> set[int]:
    """Select the primary item, the parts of its grid, and their alpha channels."""
    chosen = set(container.primary)
    for _ in range(_MOST_STEPS):
        for kind, source, target in container.references:
            known, new = (source, target) if kind == _PARTS else (target, source)
            if known in chosen:
                chosen.add(new)
    return chosen & container.coded


def _list_pieces(data: bytes, container: _Container, item: int) -> list[memoryview]:
    pieces = []
    for is_inside, start, size in container.extents[item]:
        source = memoryview(container.item_data if is_inside else data)
        pieces.append(source[start : start + size] if size else source[start:])
    return pieces
