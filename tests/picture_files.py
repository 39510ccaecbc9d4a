"""Files of pictures: good ones, and ones that claim what they are not."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

PIXELS = 10_000
"""That a picture may have in these tests."""


def picture_file(kind: str, size: tuple[int, int] = (40, 20), **options: object) -> bytes:
    """A picture whose upper fifth is white, the rest black."""
    image = Image.new("RGB", size, "black")
    image.paste("white", (0, 0, size[0], size[1] // 5))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


FILES = {kind: picture_file(kind) for kind in ("JPEG", "PNG", "WEBP")}
FILES |= {
    "progressive": picture_file("JPEG", progressive=True),
    "lossless": picture_file("WEBP", lossless=True),
}


def png(width: int, height: int, data: bytes) -> bytes:
    """A PNG of one grey channel that claims a size, and holds `data`."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
