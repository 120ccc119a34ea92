"""A window over a stream of bytes that knows its line, and a scanner that finds where a JSON value ends."""

import re
from typing import IO

CHUNK_BYTES = 256 * 1024

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRUCTURE = re.compile(rb'["\[\]{}]')
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class ByteWindow:
    """The bytes at hand: `data[pos:]` is not used yet, and `line` (1-based) is the line `pos` stands in."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.data = b""
        self.pos = 0
        self.line = 1

    @property
    def held(self) -> int:
        """Bytes at hand that are not used yet."""
        return len(self.data) - self.pos

    def fill(self) -> bool:
        """Read one more chunk and forget what was used; False at the end of the stream."""
        chunk = self._stream.read(CHUNK_BYTES)
        if not chunk:
            return False
        self.data = self.data[self.pos :] + chunk
        self.pos = 0
        return True

    def ensure(self, size: int) -> None:
        """Read until `size` bytes are at hand or the stream ends."""
        while self.held < size and self.fill():
            pass

    def advance(self, size: int) -> None:
        """Use up `size` bytes."""
        end = self.pos + size
        self.line += self.data.count(b"\n", self.pos, end)
        self.pos = end

    def next_byte(self) -> bytes:
        """The next byte that is no white space, not used up; empty at the end of the stream."""
        while True:
            match = _SPACE.match(self.data, self.pos)
            if match is not None:
                self.advance(match.end() - self.pos)
            if self.held:
                return self.data[self.pos : self.pos + 1]
            if not self.fill():
                return b""


class ValueScanner:
    """Finds the end of an object or array, and resumes where the bytes at hand ran out.

    `offset` counts from the window's position; it must start at the opening bracket.
    """

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self._depth = 0
        self._in_string = False

    def advance(self, window: ByteWindow) -> int | None:
        """The offset after the closing bracket, or None when more bytes are needed."""
        data, base = window.data, window.pos
        position = base + self.offset
        while True:
            if self._in_string:
                position = self._leave_string(data, position)
                if self._in_string:
                    break
            match = _STRUCTURE.search(data, position)
            if match is None:
                position = len(data)
                break
            position = match.end()
            if self._count(data[match.start()]):
                return position - base
        self.offset = position - base
        return None

    def _count(self, byte: int) -> bool:
        """Take one structural byte into account; True when it closes the value."""
        if byte == 0x22:
            self._in_string = True
            return False
        self._depth += 1 if byte in b"[{" else -1
        return self._depth <= 0

    def _leave_string(self, data: bytes, position: int) -> int:
        match = _STRING_REST.match(data, position)
        end = match.end() if match is not None else position
        if end < len(data) and data[end] == 0x22:
            self._in_string = False
            return end + 1
        return end
