"""Measure the frames of AV1 data from their headers, without decoding a pixel.

Follows "AV1 Bitstream & Decoding Process Specification", 5.3 (OBU), 5.5 (sequence header) and 5.9
(frame header), as far as the frame size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from data_registry.errors import ImageError

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6  # types of OBU
_MOST_OBUS = 10_000  # in the data of one image; an encoder writes three to twenty
_MOST_LENGTH_BYTES = 8
_LONGEST_HEADER = 600  # bytes of a sequence header, with all that it may state
_LONGEST_FRAME_START = 20  # bytes of a frame header that lead to its size
_KEY_FRAME, _SWITCH_FRAME = 0, 3
_CHOSEN_BY_FRAME = 2  # SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV


class _Bits:
    """Reads bits from the most significant one; EOFError behind the last."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int = 1) -> int:
        if count > self._left:
            raise EOFError("the header is cut off")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def read_exp_golomb(self) -> int:
        zeros = 0
        while not self.read():
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


@dataclass(frozen=True, kw_only=True)
class _Sequence:
    """The facts of a sequence header that lead to a frame's size.

    Attributes:
        pixels: largest width times largest height.
        overridden_pixels: largest size that a frame can state for itself.
        is_reduced: whether its only frame has a reduced header, without a size of its own.
        time_bits: bits of a frame's presentation time; 0 if there is none.
        id_bits: bits of a frame's number; 0 if there is none.
        screen_tools, integer_vectors: fixed to 0 or 1, or `_CHOSEN_BY_FRAME`.
    """

    pixels: int
    overridden_pixels: int
    is_reduced: bool
    time_bits: int = 0
    id_bits: int = 0
    screen_tools: int = _CHOSEN_BY_FRAME
    integer_vectors: int = _CHOSEN_BY_FRAME


def measure_frames(data: bytes) -> Iterator[int]:
    """Measure the pixels of each coded frame; a size that a frame states for itself is rounded up.

    Reading ends where the data makes no sense, since a decoder ends there, too.

    Args:
        data: OBUs, as an image item or a sample holds them.

    Raises:
        ImageError: outcome ``decoding_bomb``: there are too many OBUs.
    """
    sequence: _Sequence | None = None
    try:
        for kind, payload in _read_obus(data):
            if kind == _SEQUENCE_HEADER:
                sequence = _read_sequence(_Bits(payload))
            elif kind in (_FRAME_HEADER, _FRAME) and sequence is not None:
                yield _measure_frame(_Bits(payload[:_LONGEST_FRAME_START]), sequence)
    except EOFError:
        return


def _read_obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = count = 0
    while position < len(data):
        count += 1
        if count > _MOST_OBUS:
            raise ImageError("decoding_bomb", f"more than {_MOST_OBUS:,} units of AV1 data")
        header = data[position]
        position += 2 if header & 4 else 1  # an extension has one byte more
        size = len(data) - position
        if header & 2:
            size, position = _read_length(data, position)
        yield header >> 3 & 15, data[position : position + min(size, _LONGEST_HEADER)]
        position += size


def _read_length(data: bytes, position: int) -> tuple[int, int]:
    """Read a number in LEB128, and return it with the position behind it."""
    value = 0
    for number, byte in enumerate(data[position : position + _MOST_LENGTH_BYTES]):
        value |= (byte & 127) << 7 * number
        if byte < 128:
            return value, position + number + 1
    raise EOFError("a length is cut off")


def _read_sequence(bits: _Bits) -> _Sequence:
    bits.read(4)  # profile, still picture
    is_reduced = bool(bits.read())
    time_bits = 0
    if is_reduced:
        bits.read(5)
    else:
        time_bits = _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    id_bits = 0 if is_reduced or not bits.read() else bits.read(4) + 2 + bits.read(3) + 1
    bits.read(3)  # superblocks, intra tools
    tools = vectors = _CHOSEN_BY_FRAME
    if not is_reduced:
        tools, vectors = _read_screen_tools(bits)
    return _Sequence(
        pixels=width * height,
        overridden_pixels=_round_up(width, width_bits) * _round_up(height, height_bits),
        is_reduced=is_reduced,
        time_bits=time_bits,
        id_bits=id_bits,
        screen_tools=tools,
        integer_vectors=vectors,
    )


def _round_up(side: int, bits: int) -> int:
    """Compute the largest side that a frame can state; encoders need all of the bits for `side`."""
    largest = 1 << bits
    return side if largest < 2 * side else largest


def _skip_operating_points(bits: _Bits) -> int:
    """Skip timing and operating points; return the bits of a frame's presentation time."""
    delay_bits = time_bits = 0
    has_model = False
    if bits.read():
        bits.read(64)
        is_equal = bits.read()
        if is_equal:
            bits.read_exp_golomb()
        has_model = bool(bits.read())
        if has_model:
            delay_bits = bits.read(5) + 1
            bits.read(37)
            time_bits = 0 if is_equal else 1
            presentation_bits = bits.read(5) + 1
            time_bits *= presentation_bits
    has_delays = bits.read()
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read()
        if has_model and bits.read():
            bits.read(2 * delay_bits + 1)
        if has_delays and bits.read():
            bits.read(4)
    return time_bits


def _read_screen_tools(bits: _Bits) -> tuple[int, int]:
    bits.read(4)  # tools between frames
    if bits.read():  # order hints
        bits.read(2)
    tools = _CHOSEN_BY_FRAME if bits.read() else bits.read()
    if not tools:
        return tools, _CHOSEN_BY_FRAME
    return tools, _CHOSEN_BY_FRAME if bits.read() else bits.read()


def _measure_frame(bits: _Bits, sequence: _Sequence) -> int:
    """Measure a frame: as large as its sequence says, unless it states a size of its own."""
    if sequence.is_reduced:
        return sequence.pixels
    if bits.read():  # shows a frame that was decoded before
        return 0
    kind = bits.read(2)
    is_shown = bits.read()
    if is_shown:
        bits.read(sequence.time_bits)
    else:
        bits.read()
    if kind != _SWITCH_FRAME and not (kind == _KEY_FRAME and is_shown):
        bits.read()
    bits.read()
    tools = bits.read() if sequence.screen_tools == _CHOSEN_BY_FRAME else sequence.screen_tools
    if tools and sequence.integer_vectors == _CHOSEN_BY_FRAME:
        bits.read()
    bits.read(sequence.id_bits)
    is_overridden = kind == _SWITCH_FRAME or bits.read()
    return sequence.overridden_pixels if is_overridden else sequence.pixels
