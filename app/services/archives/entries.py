"""What an archive's entry is, which names are taken, and how much may come out of an archive."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.pictures.sniffing import HEAD_BYTES

NAME_CAP_CHARACTERS = 1024
RATIO_FLOOR_BYTES = 4 << 20  # below this a high ratio is a flat picture, no bomb

_DRIVE = re.compile(r"[A-Za-z]:")
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.[^/]*$|Thumbs\.db$|desktop\.ini$)")


class BrokenArchiveError(Exception):
    """The archive cannot be read on from here: `code` for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class EntryError(Exception):
    """One entry cannot be taken; the ones after it can."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ArchiveCaps:
    """Most entries, most bytes that come out of all of them, and most bytes out per byte in."""

    entries: int
    total_bytes: int
    ratio: int


class Tally:
    """Counts what comes out of one archive; raises BrokenArchiveError where it is a bomb."""

    def __init__(self, caps: ArchiveCaps, packed_bytes: int) -> None:
        self._caps = caps
        self._entries = 0
        self._bytes = 0
        self._most_bytes = min(caps.total_bytes, max(RATIO_FLOOR_BYTES, caps.ratio * packed_bytes))

    def count_entry(self) -> None:
        self._entries += 1
        if self._entries > self._caps.entries:
            message = f"An archive has at most {self._caps.entries:,} entries; send several archives."
            raise BrokenArchiveError("too_many_entries", message)

    def count_bytes(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._most_bytes:
            raise BrokenArchiveError(
                "archive_bomb",
                f"The archive unpacks to more than {self._most_bytes:,} bytes; send several, or the files unpacked.",
            )


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive: its name, or why it is not taken; `chunks` gives its bytes once, head first.

    `chunks` must be read, or left, before the next entry is asked for. It raises EntryError.
    """

    name: str
    head: bytes
    chunks: Iterator[bytes]
    error: EntryError | None = None


def check_name(name: str) -> str:
    """The name with forward slashes; raises EntryError for one that leaves the archive or cannot be stored."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or _DRIVE.match(plain) or ".." in plain.split("/"):
        raise EntryError("unsafe_name", "The name leads out of the archive; pack the files by relative names.")
    if "\x00" in plain or not plain.isprintable() or len(plain) > NAME_CAP_CHARACTERS or not plain.strip("/. "):
        raise EntryError("unsafe_name", f"A name is 1 to {NAME_CAP_CHARACTERS} printable characters.")
    return plain


def is_junk(name: str) -> bool:
    """Whether a file is what file managers leave behind."""
    return _JUNK.search(name) is not None


def open_entry(name: str, chunks: Iterator[bytes]) -> Entry:
    """An entry whose first HEAD_BYTES have been read."""
    try:
        safe = check_name(name)
        head = b""
        while len(head) < HEAD_BYTES and (chunk := next(chunks, None)) is not None:
            head += chunk
    except EntryError as error:
        return Entry(show_name(name), b"", iter(()), error)
    return Entry(safe, head[:HEAD_BYTES], _put_back(head, chunks))


def refuse_entry(name: str, code: str, message: str) -> Entry:
    """An entry that is known not to be taken."""
    return Entry(show_name(name), b"", iter(()), EntryError(code, message))


def show_name(name: str) -> str:
    """A name that can be stored and shown, whatever it was."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in name[:200])
    return shown.encode("utf-8", "replace").decode()


def _put_back(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks
