"""`{image id: base64}` as MIMIC-IT publishes its pictures, of any size, a member at a time."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.services.archives.entries import BrokenArchiveError, EntryError, show_name

_CHUNK_BYTES = 1 << 20
_KEY_CAP_BYTES = 8 << 10
_SPACE = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb"(?:true|false|null|-?[0-9][0-9.eE+-]*+)(?=[\s,}])")
_DATA_URL = re.compile(rb"data:[a-zA-Z0-9/+.-]{0,100};base64,")
_STANDARD = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the object: its key, and its picture or why there is none."""

    name: str
    data: bytes
    error: EntryError | None = None


def read_base64_members(file: BinaryIO, cap_bytes: int) -> Iterator[Member]:
    """The members in order, each picture of at most `cap_bytes`; raises BrokenArchiveError with the line."""
    window = _Window(file, cap_bytes * 4 // 3 + 1024)
    window.expect(b"{")
    if window.peek() == b"}":
        return
    while True:
        yield _read_member(window, cap_bytes)
        mark = window.peek()
        window.use(1)
        if mark == b"}":
            return
        if mark != b",":
            raise window.broken("A comma or the closing brace is missing")


def decode_base64(text: bytes) -> bytes:
    """The bytes behind standard or urlsafe base64, with or without padding or a data URL before it.

    Raises EntryError.
    """
    match = _DATA_URL.match(text)
    body = text[match.end() :] if match else text
    body = body.translate(_STANDARD, b"\r\n\t ").rstrip(b"=")
    try:
        return base64.b64decode(body + b"=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EntryError("undecodable", "The text is no base64.") from error


def _read_member(window: "_Window", cap_bytes: int) -> Member:
    raw = window.take_string(_KEY_CAP_BYTES)
    if raw is None:
        raise window.broken("A key in quotes of some characters is missing")
    try:
        name = str(json.loads(b'"' + raw + b'"'))
    except ValueError as error:
        raise window.broken("A key is no JSON text") from error
    window.expect(b":")
    if window.peek() != b'"':
        if not window.skip_scalar():
            raise window.broken("The value of a member is no text")
        return Member(show_name(name), b"", EntryError("undecodable", "The value is no base64 text."))
    text = window.take_string(None)
    if text is None:
        return Member(show_name(name), b"", EntryError("too_many_bytes", f"A picture has at most {cap_bytes:,} bytes."))
    try:
        return Member(name, decode_base64(text.replace(b"\\/", b"/").replace(b"\\n", b"")))
    except EntryError as error:
        return Member(show_name(name), b"", error)


class _Window:
    """The bytes at hand of a file that is read once."""

    def __init__(self, file: BinaryIO, text_cap_bytes: int) -> None:
        self._file = file
        self._data = file.read(_CHUNK_BYTES).removeprefix(b"\xef\xbb\xbf")
        self._place = 0
        self._line = 1
        self._text_cap_bytes = text_cap_bytes

    def peek(self) -> bytes:
        """The next byte that is no white space; empty at the end of the file."""
        while True:
            match = _SPACE.match(self._data, self._place)
            if match is not None:
                self.use(match.end() - self._place)
            if self._place < len(self._data) or not self._fill():
                return self._data[self._place : self._place + 1]

    def use(self, size: int) -> None:
        self._line += self._data.count(b"\n", self._place, self._place + size)
        self._place += size

    def expect(self, mark: bytes) -> None:
        if self.peek() != mark:
            raise self.broken(f"A {mark.decode()!r} is missing")
        self.use(1)

    def take_string(self, cap_bytes: int | None) -> bytes | None:
        """What stands between the next quotes; None where there are none, or too much is between them.

        A text that passes the window's own cap is passed over.
        """
        if self.peek() != b'"':
            return None
        cap = cap_bytes or self._text_cap_bytes
        searched = self._place + 1
        while True:
            end = self._find_quote(searched)
            if end is not None:
                body = self._data[self._place + 1 : end]
                self.use(end + 1 - self._place)
                return body if len(body) <= cap else None
            searched_bytes = max(0, len(self._data) - self._place - 1)
            if searched_bytes > cap:
                if cap_bytes is None:
                    self._pass_over()
                return None
            if not self._fill():
                raise self.broken("The file ends within a text")
            searched = self._place + max(1, searched_bytes)

    def skip_scalar(self) -> bool:
        """Pass over a number, true, false or null; False where none stands here."""
        if len(self._data) - self._place < 64:
            self._fill()
        match = _SCALAR.match(self._data, self._place)
        if match is None:
            return False
        self.use(match.end() - self._place)
        return True

    def broken(self, why: str) -> BrokenArchiveError:
        return BrokenArchiveError("invalid_json", f"{why} in line {self._line}; send one object of {{id: base64}}.")

    def _find_quote(self, start: int) -> int | None:
        """Where the closing quote is; a quote behind an odd number of backslashes is none."""
        while (found := self._data.find(b'"', start)) >= 0:
            before = found
            while before > self._place + 1 and self._data[before - 1] == 0x5C:
                before -= 1
            if (found - before) % 2 == 0:
                return found
            start = found + 1
        return None

    def _pass_over(self) -> None:
        while True:
            self._place = max(self._place, len(self._data) - 64)
            self._data = b'"' + self._data[self._place :]
            self._place = 0
            if not self._fill():
                raise self.broken("The file ends within a text")
            end = self._find_quote(1)
            if end is not None:
                self._place = end + 1
                return

    def _fill(self) -> bool:
        chunk = self._file.read(_CHUNK_BYTES)
        if not chunk:
            return False
        self._data = self._data[self._place :] + chunk
        self._place = 0
        return True
