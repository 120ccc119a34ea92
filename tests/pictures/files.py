"""Pictures made for tests: small, of every kind of pixel, and broken on purpose."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image


def scene(width: int = 60, height: int = 40, seed: int = 0) -> Image.Image:
    """Soft random blobs of colour, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, name: str = "PNG", **options: Any) -> bytes:
    output = BytesIO()
    image.save(output, name, **options)
    return output.getvalue()


def decode(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def huge_png(side: int = 100_000) -> bytes:
    """A PNG of side × side one-bit pixels in a few kilobytes, all rows there."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    squeeze = zlib.compressobj(9)
    row = b"\0" * (side // 8 + 2)
    rows = b"".join(squeeze.compress(row) for _ in range(200)) + squeeze.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
