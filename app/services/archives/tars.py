"""tar files, entry by entry and header by header; long names are bounded, everything but files is refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from app.services.archives.entries import BrokenArchiveError, Entry, EntryError, Tally, open_entry, refuse_entry

_BLOCK_BYTES = 512
_CHUNK_BYTES = 256 << 10
_NOTE_CAP_BYTES = 256 << 10
_FILES, _FOLDER = frozenset({b"0", b"\0", b"7"}), b"5"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"


@dataclass(slots=True)
class _Notes:
    """What headers before an entry say of it."""

    name: str | None = None
    size: int | None = None
    is_sparse: bool = False


@dataclass(slots=True)
class _Reader:
    file: BinaryIO
    size: int
    place: int = 0
    notes: _Notes = field(default_factory=_Notes)


def read_tar(file: BinaryIO, size: int, tally: Tally) -> Iterator[Entry]:
    """The files of a tar in order; raises BrokenArchiveError."""
    reader = _Reader(file, size)
    while (header := _read_header(reader)) is not None:
        tally.count_entry()
        kind, name, entry_bytes = header[156:157], _read_name(header), _read_size(header)
        if kind in {_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL}:
            _take_note(reader, kind, _read_note(reader, entry_bytes))
            continue
        notes, reader.notes = reader.notes, _Notes()
        name = notes.name if notes.name is not None else name
        entry_bytes = notes.size if notes.size is not None else entry_bytes
        start = reader.place
        reader.place += _round_up(entry_bytes)
        if kind == _FOLDER:
            continue
        if kind not in _FILES or notes.is_sparse:
            message = "Links, devices and sparse files are not taken; pack plain files (tar --dereference)."
            yield refuse_entry(name, "not_a_file", message)
            continue
        if start + entry_bytes > size:
            yield refuse_entry(name, "truncated", "The archive ends within this entry; send it whole.")
            raise BrokenArchiveError("truncated", "The tar ends within an entry; send it whole.")
        yield open_entry(name, _read_chunks(file, start, entry_bytes, tally))


def _read_chunks(file: BinaryIO, place: int, left: int, tally: Tally) -> Iterator[bytes]:
    while left:
        file.seek(place)
        chunk = file.read(min(_CHUNK_BYTES, left))
        if not chunk:
            raise EntryError("truncated", "The archive ends within this entry; send it whole.")
        tally.count_bytes(len(chunk))
        place, left = place + len(chunk), left - len(chunk)
        yield chunk


def _read_header(reader: _Reader) -> bytes | None:
    """The next header; None at the end mark, or at the end of a tar that has none."""
    if reader.place >= reader.size:
        return None
    reader.file.seek(reader.place)
    header = reader.file.read(_BLOCK_BYTES)
    if len(header) < _BLOCK_BYTES:
        raise BrokenArchiveError("truncated", "The tar ends within a header; send it whole.")
    if not header.strip(b"\0"):
        return None
    if _read_number(header[148:156]) != sum(header[:148]) + 8 * 32 + sum(header[156:]):
        raise BrokenArchiveError("corrupt", "A header of the tar is broken; pack the archive again.")
    reader.place += _BLOCK_BYTES
    return header


def _read_note(reader: _Reader, note_bytes: int) -> bytes:
    if note_bytes > _NOTE_CAP_BYTES or reader.place + note_bytes > reader.size:
        raise BrokenArchiveError("corrupt", "The tar has a name without end; pack the archive again.")
    reader.file.seek(reader.place)
    note = reader.file.read(note_bytes)
    reader.place += _round_up(note_bytes)
    return note


def _take_note(reader: _Reader, kind: bytes, note: bytes) -> None:
    if kind == _LONG_NAME:
        reader.notes.name = note.rstrip(b"\0").decode("utf-8", "replace")
    elif kind == _PAX:
        for key, value in _read_pax(note):
            if key == b"path":
                reader.notes.name = value.decode("utf-8", "replace")
            elif key == b"size":
                reader.notes.size = _read_decimal(value)
            elif key.startswith(b"GNU.sparse"):
                reader.notes.is_sparse = True


def _read_pax(note: bytes) -> Iterator[tuple[bytes, bytes]]:
    """`25 path=some/where.png` and a newline, again and again."""
    while note:
        length_text, _, _ = note.partition(b" ")
        length = _read_decimal(length_text)
        if not len(length_text) < length <= len(note):
            raise BrokenArchiveError("corrupt", "A header of the tar is broken; pack the archive again.")
        key, _, value = note[len(length_text) + 1 : length].rstrip(b"\n").partition(b"=")
        yield key, value
        note = note[length:]


def _read_decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise BrokenArchiveError("corrupt", "A header of the tar is broken; pack the archive again.")
    return int(text)


def _read_name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    if header[257:263] == b"ustar\0":
        prefix = header[345:500].partition(b"\0")[0]
        name = prefix + b"/" + name if prefix else name
    return name.decode("utf-8", "replace")


def _read_size(header: bytes) -> int:
    size = _read_number(header[124:136])
    if size is None or size < 0:
        raise BrokenArchiveError("corrupt", "A header of the tar is broken; pack the archive again.")
    return size


def _read_number(raw: bytes) -> int | None:
    """Octal digits, or big-endian bytes behind 0x80 where those do not suffice."""
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    try:
        return int(raw.strip(b" \0") or b"0", 8)
    except ValueError:
        return None


def _round_up(size: int) -> int:
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES
