"""A small picture to paint flat shapes on, and its PNG file."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import hypot, sqrt
from pathlib import Path

WIDTH, HEIGHT = 320, 240
_FINE = 2  # painted at twice the size and averaged, so that edges are smooth
_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Point = tuple[float, float]
Box = tuple[int, int, int, int]


class Canvas:
    """Points are in pixels of the finished picture, from its upper left corner; colours are `#rrggbb`."""

    def __init__(self, background: str) -> None:
        self._rows = [bytearray(_read_colour(background) * (WIDTH * _FINE)) for _ in range(HEIGHT * _FINE)]
        self._extents: list[list[Point]] = []
        self.objects: list[tuple[str, Box]] = []

    @contextmanager
    def object(self, category: str) -> Iterator[None]:
        """What is painted inside the block is one object; its `[x, y, w, h]` joins `objects`."""
        self._extents.append([])
        yield
        corners = self._extents.pop()
        left, right = (max(0, min(WIDTH, round(edge(x for x, _ in corners)))) for edge in (min, max))
        top, bottom = (max(0, min(HEIGHT, round(edge(y for _, y in corners)))) for edge in (min, max))
        self.objects.append((category, (left, top, right - left, bottom - top)))

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, colour: str) -> None:
        """Around the centre (x, y)."""
        self._note([(x - radius_x, y - radius_y), (x + radius_x, y + radius_y)])
        paint = _read_colour(colour)
        for row in range(round((y - radius_y) * _FINE), round((y + radius_y) * _FINE)):
            share = 1 - (((row + 0.5) / _FINE - y) / radius_y) ** 2
            half = radius_x * sqrt(max(0.0, share))
            self._fill(row, (x - half) * _FINE, (x + half) * _FINE, paint)

    def polygon(self, corners: Sequence[Point], colour: str) -> None:
        """Filled by the even-odd rule."""
        self._note(corners)
        paint = _read_colour(colour)
        heights = [y for _, y in corners]
        edges = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        for row in range(round(min(heights) * _FINE), round(max(heights) * _FINE)):
            level = (row + 0.5) / _FINE
            cuts = sorted(
                x1 + (level - y1) * (x2 - x1) / (y2 - y1)
                for (x1, y1), (x2, y2) in edges
                if min(y1, y2) <= level < max(y1, y2)
            )
            for left, right in zip(cuts[::2], cuts[1::2], strict=False):
                self._fill(row, left * _FINE, right * _FINE, paint)

    def line(self, start: Point, end: Point, width: float, colour: str) -> None:
        (x1, y1), (x2, y2) = start, end
        length = hypot(x2 - x1, y2 - y1)
        across_x, across_y = (y1 - y2) / length * width / 2, (x2 - x1) / length * width / 2
        corners = [
            (x1 + across_x, y1 + across_y),
            (x2 + across_x, y2 + across_y),
            (x2 - across_x, y2 - across_y),
            (x1 - across_x, y1 - across_y),
        ]
        self.polygon(corners, colour)

    def to_pixels(self) -> bytes:
        """HEIGHT rows of WIDTH pixels of three bytes."""
        return b"".join(_average(self._rows[row], self._rows[row + 1]) for row in range(0, len(self._rows), _FINE))

    def _note(self, corners: Sequence[Point]) -> None:
        for extent in self._extents:
            extent.extend(corners)

    def _fill(self, row: int, left: float, right: float, paint: bytes) -> None:
        first, last = max(0, round(left)), min(WIDTH * _FINE, round(right))
        if 0 <= row < len(self._rows) and first < last:
            self._rows[row][first * 3 : last * 3] = paint * (last - first)


def write_png(path: Path, pixels: bytes) -> None:
    """Pixels as `Canvas.to_pixels` gives them."""
    stride = WIDTH * 3
    lines = [pixels[start : start + stride] for start in range(0, len(pixels), stride)]
    blank = bytes(stride)
    filtered = b"".join(
        b"\x02" + bytes((byte - above) & 0xFF for byte, above in zip(line, before, strict=True))
        for line, before in zip(lines, [blank, *lines], strict=False)
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 9)), (b"IEND", b""))
    path.write_bytes(_SIGNATURE + b"".join(_pack_chunk(kind, body) for kind, body in chunks))


def read_png(path: Path) -> bytes:
    """The pixels of a file that `write_png` wrote."""
    raw = path.read_bytes()
    start = raw.index(b"IDAT")
    (length,) = struct.unpack(">I", raw[start - 4 : start])
    lines = zlib.decompress(raw[start + 4 : start + 4 + length])
    stride = WIDTH * 3 + 1
    pixels, above = bytearray(), bytes(WIDTH * 3)
    for place in range(0, len(lines), stride):
        difference = lines[place + 1 : place + stride]
        above = bytes((byte + before) & 0xFF for byte, before in zip(difference, above, strict=True))
        pixels += above
    return bytes(pixels)


def _read_colour(colour: str) -> bytes:
    return bytes.fromhex(colour.removeprefix("#"))


def _average(upper: bytearray, lower: bytearray) -> bytes:
    """One row of the picture out of two rows of twice its width."""
    line = bytearray(WIDTH * 3)
    for channel in range(3):
        sums = zip(upper[channel::6], upper[channel + 3 :: 6], lower[channel::6], lower[channel + 3 :: 6], strict=True)
        line[channel::3] = bytes(sum(four) // 4 for four in sums)
    return bytes(line)


def _pack_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
