"""Reading what was written for TensorBoard."""

import struct
from collections.abc import Iterator
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event


def events(path: Path) -> Iterator[Event]:
    """TensorBoard's records: length, its checksum, the event, its checksum."""
    data, place = path.read_bytes(), 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        yield Event.FromString(data[place + 12 : place + 12 + length])
        place += length + 16


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    return [
        (event.step, value.simple_value)
        for path in sorted(folder.glob("events.out.tfevents.*"))
        for event in events(path)
        for value in event.summary.value
        if value.tag == name
    ]
