"""zip files, entry by entry: the directory is read as it goes, so that a million names are never held at once."""

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.services.archives.entries import (
    RATIO_FLOOR_BYTES,
    BrokenArchiveError,
    Entry,
    EntryError,
    Tally,
    open_entry,
    refuse_entry,
)

_END, _END64_PLACE, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_CENTRAL = struct.Struct("<4s4xHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<4s22xHH")
_TAIL_BYTES = 65_557
_CHUNK_BYTES = 256 << 10
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _IS_UTF8 = 0x1, 0x800
_UNIX = 3
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    flags: int
    method: int
    crc: int
    packed_bytes: int
    bytes: int
    offset: int
    mode: int


def read_zip(file: BinaryIO, size: int, tally: Tally, ratio: int) -> Iterator[Entry]:
    """The files of a zip in the order of its directory; raises BrokenArchiveError."""
    entries, place, end = _find_directory(file, size)
    for _ in range(entries):
        tally.count_entry()
        member, place = _read_member(file, place, end)
        if member.name.endswith("/") and member.bytes == 0:
            continue
        yield _open_member(file, member, size, tally, ratio)


def _open_member(file: BinaryIO, member: _Member, size: int, tally: Tally, ratio: int) -> Entry:
    if member.mode and not stat.S_ISREG(member.mode):
        return refuse_entry(member.name, "not_a_file", "Links, devices and folders are not taken; pack the files.")
    if member.flags & _ENCRYPTED:
        return refuse_entry(member.name, "encrypted", "The entry is encrypted; pack it without a password.")
    if member.method not in {_STORED, _DEFLATED}:
        return refuse_entry(member.name, "unsupported_method", "Pack with deflate, or without compression.")
    return open_entry(member.name, _unpack(file, member, size, tally, ratio))


def _unpack(file: BinaryIO, member: _Member, size: int, tally: Tally, ratio: int) -> Iterator[bytes]:
    place = _find_data(file, member, size)
    left, written, crc = member.packed_bytes, 0, 0
    most = max(RATIO_FLOOR_BYTES, ratio * member.packed_bytes)
    inflate = zlib.decompressobj(-15) if member.method == _DEFLATED else None
    held = b""
    while True:
        if not held and left:
            file.seek(place)
            held = file.read(min(_CHUNK_BYTES, left))
            place, left = place + len(held), left - len(held)
            if not held:
                raise EntryError("truncated", "The entry ends too early; pack the archive again.")
        data, held, is_last = _step(inflate, held, is_end=not left)
        written += len(data)
        tally.count_bytes(len(data))
        if written > most:
            raise EntryError("entry_bomb", f"The entry unpacks to more than {ratio} times its size.")
        crc = zlib.crc32(data, crc)
        if data:
            yield data
        if is_last:
            break
    if crc != member.crc or written != member.bytes:
        raise EntryError("corrupt", "The entry is not what the archive says of it; pack the archive again.")


def _step(inflate: "zlib._Decompress | None", held: bytes, *, is_end: bool) -> tuple[bytes, bytes, bool]:
    """(bytes out, packed bytes still held, whether that was the last)."""
    if inflate is None:
        return held, b"", is_end
    try:
        data = inflate.decompress(held, _CHUNK_BYTES)
    except zlib.error as error:
        raise EntryError("corrupt", "The entry cannot be unpacked; pack the archive again.") from error
    held = inflate.unconsumed_tail
    if inflate.eof:
        return data, b"", True
    if is_end and not held and not data:
        raise EntryError("truncated", "The entry ends too early; pack the archive again.")
    return data, held, False


def _find_data(file: BinaryIO, member: _Member, size: int) -> int:
    file.seek(member.offset)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
        raise EntryError("corrupt", "The archive's directory points beside the entry; pack the archive again.")
    _, name_bytes, extra_bytes = _LOCAL.unpack(raw)
    place: int = member.offset + _LOCAL.size + name_bytes + extra_bytes
    if place + member.packed_bytes > size:
        raise EntryError("truncated", "The entry ends too early; send the archive whole.")
    return place


def _find_directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """(entries, where the directory starts, where it ends)."""
    start = max(0, size - _TAIL_BYTES)
    file.seek(start)
    tail = file.read()
    found = tail.rfind(_END)
    if found < 0 or found + 22 > len(tail):
        raise BrokenArchiveError("truncated", "The zip has no directory at its end; send it whole.")
    disk, first_disk, _, entries, directory_bytes, place = struct.unpack_from("<HHHHII", tail, found + 4)
    if found >= 20 and tail[found - 20 : found - 16] == _END64_PLACE:
        (end64,) = struct.unpack_from("<Q", tail, found - 12)
        file.seek(end64)
        raw = file.read(56)
        if len(raw) < 56 or not raw.startswith(_END64):
            raise _broken()
        disk, first_disk, _, entries, directory_bytes, place = struct.unpack_from("<IIQQQQ", raw, 16)
    if disk or first_disk:
        raise BrokenArchiveError("several_volumes", "A zip in several volumes is not read; pack one.")
    end = place + directory_bytes
    if end > size or entries * _CENTRAL.size > directory_bytes:
        raise _broken()
    return entries, place, end


def _read_member(file: BinaryIO, place: int, end: int) -> tuple[_Member, int]:
    file.seek(place)
    raw = file.read(_CENTRAL.size)
    if len(raw) < _CENTRAL.size or not raw.startswith(b"PK\x01\x02"):
        raise _broken()
    fields = _CENTRAL.unpack(raw)
    flags, method, crc, packed, unpacked = fields[1], fields[2], fields[5], fields[6], fields[7]
    name_bytes, extra_bytes, comment_bytes, attributes, offset = (
        fields[8],
        fields[9],
        fields[10],
        fields[13],
        fields[14],
    )
    made_by = raw[5]
    rest = file.read(name_bytes + extra_bytes)
    following = place + _CENTRAL.size + name_bytes + extra_bytes + comment_bytes
    if len(rest) < name_bytes + extra_bytes or following > end:
        raise _broken()
    name = rest[:name_bytes].decode("utf-8" if flags & _IS_UTF8 else "cp437", "replace")
    packed, unpacked, offset = _widen(rest[name_bytes:], packed, unpacked, offset)
    mode = attributes >> 16 if made_by == _UNIX else 0
    return _Member(name, flags, method, crc, packed, unpacked, offset, mode if stat.S_IFMT(mode) else 0), following


def _widen(extra: bytes, packed: int, unpacked: int, offset: int) -> tuple[int, int, int]:
    """The sizes and place of a large entry stand in its extra field, in this order and only where they do not fit."""
    position = 0
    while position + 4 <= len(extra):
        name, length = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + length]
        position += 4 + length
        if name != 1:
            continue
        wide = [number for (number,) in struct.iter_unpack("<Q", body[: len(body) // 8 * 8])]
        values = [unpacked, packed, offset]
        for index, value in enumerate(values):
            if value == _FULL32 and wide:
                values[index] = wide.pop(0)
        unpacked, packed, offset = values
    return packed, unpacked, offset


def _broken() -> BrokenArchiveError:
    return BrokenArchiveError("corrupt", "The zip's directory is broken; pack the archive again.")
