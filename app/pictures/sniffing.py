"""What a file is by its first bytes; its name says nothing."""

from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 1024

FileKind = Literal["picture", "video", "zip", "tar", "gzip", "parquet", "json", "other_archive", "unknown"]

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
_ARCHIVES = (b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd", b"\x1f\x9d", b"MSCF", b"xar!")
_STILL_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1"})
_MOV_ATOMS = frozenset({b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot"})
_TAR_MAGIC_AT, _TAR_BLOCK = 257, 512
_TS_PACKET = 188


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file is; `demuxer` is the one that reads a video, so that no other one is ever tried."""

    kind: FileKind
    demuxer: str | None = None


def sniff(head: bytes) -> Sniffed:
    """Tell a file by its first HEAD_BYTES (fewer where it is shorter)."""
    if head.startswith(_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return Sniffed("picture")
    demuxer = _find_demuxer(head)
    if demuxer is not None:
        return Sniffed("video", demuxer)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Sniffed("zip")
    if head.startswith(b"\x1f\x8b"):
        return Sniffed("gzip")
    if head.startswith(b"PAR1"):
        return Sniffed("parquet")
    if _is_tar(head):
        return Sniffed("tar")
    if head.startswith(_ARCHIVES):
        return Sniffed("other_archive")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"{"):
        return Sniffed("json")
    return Sniffed("unknown")


def _find_demuxer(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _STILL_BRANDS else "mov,mp4,m4a,3gp,3g2,mj2"
    if head[4:8] in _MOV_ATOMS and len(head) >= 16:
        return "mov,mp4,m4a,3gp,3g2,mj2"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska,webm"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith(b"FLV\x01"):
        return "flv"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith((b"\0\0\x01\xba", b"\0\0\x01\xb3")):
        return "mpeg" if head[3] == 0xBA else "mpegvideo"
    if len(head) > 2 * _TS_PACKET and all(head[place * _TS_PACKET] == 0x47 for place in range(3)):
        return "mpegts"
    return None


def _is_tar(head: bytes) -> bool:
    """By its magic, or by the checksum of a header that has none."""
    if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return True
    if len(head) < _TAR_BLOCK or not head[0]:
        return False
    try:
        stated = int(head[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    blank = head[:148] + b" " * 8 + head[156:_TAR_BLOCK]
    return stated == sum(blank)
