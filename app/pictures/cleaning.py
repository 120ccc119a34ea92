"""Takes metadata out of picture files without touching a pixel: places, names, comments, and whatever hides behind."""

import struct
from collections.abc import Iterator

_JPEG_KEPT = frozenset({0xE0, 0xE2, 0xEE})  # JFIF, colour profile, Adobe's colour transform
_ICC = b"ICC_PROFILE\0"
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"cHRM",
        b"gAMA",
        b"iCCP",
        b"sBIT",
        b"sRGB",
        b"cICP",
        b"bKGD",
        b"pHYs",
    }
)
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"})
_WEBP_META_BITS = 0x04 | 0x08  # XMP, EXIF
_ORIENTATION = struct.pack(">6s2sHIHHHIHHI", b"Exif\0\0", b"MM", 42, 8, 1, 0x0112, 3, 1, 0, 0, 0)


class NotCleanableError(Exception):
    """The file's parts do not follow each other as its format says."""


def clean_jpeg(data: bytes, orientation: int) -> bytes:
    """A JPEG with its picture, colour profile and orientation (1 to 8) only; raises NotCleanableError."""
    parts = [b"\xff\xd8"]
    end = 0
    for marker, start, end in _walk_jpeg(data):
        segment = data[start:end]
        is_metadata = 0xE0 <= marker <= 0xFE and marker not in _JPEG_KEPT
        is_foreign = marker == 0xE2 and not segment[4:].startswith(_ICC)
        if not is_metadata and not is_foreign:
            parts.append(segment)
    if orientation != 1:
        exif = bytearray(_ORIENTATION)
        struct.pack_into(">H", exif, 24, orientation)
        place = 2 if parts[1:] and parts[1].startswith(b"\xff\xe0") else 1
        parts.insert(place, b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + bytes(exif))
    return b"".join(parts)


def clean_png(data: bytes) -> bytes:
    """A PNG with its picture and colours only; raises NotCleanableError."""
    if not data.startswith(_PNG_HEAD):
        raise NotCleanableError("no PNG signature")
    parts, position = [_PNG_HEAD], len(_PNG_HEAD)
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        if name in _PNG_KEPT:
            parts.append(data[position:end])
        if name == b"IEND":
            return b"".join(parts)
        position = end
    raise NotCleanableError("no end of the PNG")


def clean_webp(data: bytes) -> bytes:
    """A still WebP with its picture and colour profile only; raises NotCleanableError."""
    parts, position = [], 12
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length
        if end > len(data):
            raise NotCleanableError("a part of the WebP is cut off")
        body = data[position + 8 : end]
        if name == b"VP8X" and body:
            body = bytes([body[0] & ~_WEBP_META_BITS]) + body[1:]
        if name in _WEBP_KEPT:
            parts.append(name + struct.pack("<I", length) + body + b"\0" * (length & 1))
        position = end + (length & 1)
        if position >= int.from_bytes(data[4:8], "little") + 8:
            break
    joined = b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(joined) + 4) + b"WEBP" + joined


def _walk_jpeg(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each part; what a scan holds belongs to its start-of-scan part."""
    position = 2
    while position + 2 <= len(data):
        if data[position] != 0xFF:
            raise NotCleanableError("a JPEG marker is missing")
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
            continue
        if marker == 0xD9:
            yield marker, position, position + 2
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            end = position + 2
        else:
            end = position + 2 + _read_length(data, position + 2)
            if marker == 0xDA:
                end = _find_scan_end(data, end)
        yield marker, position, end
        position = end
    raise NotCleanableError("no end of the JPEG")


def _read_length(data: bytes, position: int) -> int:
    if position + 2 > len(data):
        raise NotCleanableError("a JPEG part is cut off")
    return max(2, int.from_bytes(data[position : position + 2], "big"))


def _find_scan_end(data: bytes, position: int) -> int:
    """Where the next marker is that is neither a stuffed byte nor a restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise NotCleanableError("no end of the JPEG")
        following = data[position + 1]
        if following not in {0x00, 0xFF} and not 0xD0 <= following <= 0xD7:
            return position
        position += 1 if following == 0xFF else 2
