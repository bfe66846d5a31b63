"""Photographs on loopback: 640 x 480 pixels, about 55 KB, every one with other bytes.

    python -m benchmarks._photo_server COUNT

prints the port and serves /0.jpg to /COUNT-1.jpg until its standard input ends. Some drawn pictures
are repeated under another JPEG comment, which makes other bytes and spares minutes of drawing.
"""

import asyncio
import io
import struct
import sys

import numpy as np
from PIL import Image

PICTURES = 250
_QUALITY = 79


def draw_photo(seed: int) -> bytes:
    """Draw a JPEG with large and small structure."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC))
    noisy = smooth + random.normal(0, 5, smooth.shape)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def add_comment(jpeg: bytes, comment: bytes) -> bytes:
    """Add a comment: the same picture, other bytes."""
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:]


class Photos(asyncio.Protocol):
    """Answers GET over a connection that is kept open; nothing else is understood."""

    def __init__(self, pictures: list[bytes]) -> None:
        self._pictures = pictures
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            request, _, self._asked = self._asked.partition(b"\r\n\r\n")
            name = request.split(b" ", 2)[1].strip(b"/").removesuffix(b".jpg")
            self._answer(int(name) if name.isdigit() else None)

    def _answer(self, number: int | None) -> None:
        if number is None:  # robots.txt
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        picture = self._pictures[number % len(self._pictures)]
        body = add_comment(picture, b"photograph %d" % number)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def _serve(count: int) -> None:
    pictures = [draw_photo(seed) for seed in range(min(count, PICTURES))]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Photos(pictures), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
