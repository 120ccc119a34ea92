"""Takes the records of a JSON file one after another, in memory bounded by the size of one record.

A top-level array or object is cut into elements by a regular expression (or, for what is nested deep or runs over
the bytes at hand, by a scanner); only then is each element parsed. A broken element is reported and reading goes on
after it. Where its brackets or quotes do not match, reading resumes at the next comma that is followed by an object
with the same first key as the records before.
"""

import re
from collections.abc import Iterator

from datasets.byte_window import ByteWindow, ValueScanner
from datasets.record_values import Record, RecordError, clip, join_pointer
from datasets.strict_json import FlawError, parse_strictly

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_FLAT = rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+'


def _nest(levels: int) -> bytes:
    inner = rb"[\[{]" + _FLAT + rb"[\]}]"
    for _ in range(levels):
        inner = rb"[\[{]" + _FLAT + rb"(?:" + inner + _FLAT + rb")*+[\]}]"
    return inner


_VALUE = re.compile(_nest(4), re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[^ \t\r\n,\]}{\[\"]++", re.DOTALL)  # only what JSON calls white space ends it
_KEY = re.compile(rb"(" + _STRING + rb")\s*+:\s*+", re.DOTALL)
_FIRST_KEY = re.compile(rb'[{]\s*+("(?:[^"\\\n]++|\\.)*+")\s*+:')
_RESUME_OVERLAP_BYTES = 512

_TORN = "The file ends inside this record or before its list is closed: it was cut off. Send the whole file."
_STRAY = "{} Mend the file around this line; the records before and after were kept."


def read_lines(window: ByteWindow, record_cap_bytes: int) -> Iterator[Record | RecordError]:
    """The records of JSON lines, one value a line; blank lines are passed over."""
    searched = 0
    while True:
        newline = window.data.find(b"\n", window.pos + searched)
        if newline < 0 and window.held > record_cap_bytes:
            yield _too_large(window.line, "", record_cap_bytes)
            _skip_line(window)
            searched = 0
            continue
        if newline < 0:
            searched = window.held
            if window.fill():
                continue
        end = newline + 1 if newline >= 0 else len(window.data)
        raw, line = window.data[window.pos : end].strip(b" \t\r\n"), window.line
        window.advance(end - window.pos)
        searched = 0
        if len(raw) > record_cap_bytes:
            yield _too_large(line, "", record_cap_bytes)
        elif raw:
            yield _parse(raw, line, None, "")
        if newline < 0:
            return


def _skip_line(window: ByteWindow) -> None:
    while (newline := window.data.find(b"\n", window.pos)) < 0:
        window.advance(window.held)
        if not window.fill():
            return
    window.advance(newline + 1 - window.pos)


def _parse(raw: bytes, line: int, key: str | None, pointer: str) -> Record | RecordError:
    try:
        return Record(line, key, parse_strictly(raw), pointer)
    except FlawError as flaw:
        return RecordError(line, pointer + flaw.pointer, flaw.code, flaw.message, key and clip(key))


def _too_large(line: int, pointer: str, cap_bytes: int) -> RecordError:
    return RecordError(
        line, pointer, "record_too_large", f"The record is larger than {cap_bytes:,} bytes; split it or cut it down."
    )


class ContainerReader:
    """Reads the elements of the array or the members of the object at the window's position.

    pointer: the JSON pointer of that array or object, empty for the top of the file
    """

    def __init__(self, window: ByteWindow, record_cap_bytes: int, pointer: str = "") -> None:
        self._window = window
        self._pointer = pointer
        self._cap = record_cap_bytes
        self._is_mapping = False
        self._index = 0
        self._first_key: bytes | None = None
        self._separated = True
        self._ended = False

    def read(self) -> Iterator[Record | RecordError]:
        """Yield every record in order. A file that was cut off ends with a RecordError `torn_file`."""
        window = self._window
        self._is_mapping = window.next_byte() == b"{"
        window.advance(1)
        while not self._ended:
            byte = window.next_byte()
            if byte == b"":
                yield self._fault("torn_file", _TORN)
                return
            if byte in b"]}":
                yield from self._close()
            elif byte == b",":
                yield from self._separate()
            else:
                if not self._separated:
                    yield self._fault("invalid_json", _STRAY.format("A comma is missing before this record."))
                yield from self._take_element()

    def _separate(self) -> Iterator[RecordError]:
        if self._separated:
            yield self._fault("invalid_json", _STRAY.format("A record is missing before this comma."))
        self._separated = True
        self._window.advance(1)

    def _close(self) -> Iterator[RecordError]:
        window, line = self._window, self._window.line
        expected = b"}" if self._is_mapping else b"]"
        fits = window.next_byte() == expected
        window.advance(1)
        following = window.next_byte()
        if following == b"," or not fits or (following and self._resume_within(window.held)):
            yield self._fault("invalid_json", _STRAY.format("A bracket closes nothing here."), line)
            return
        self._ended = True
        if self._separated and self._index:
            yield self._fault("invalid_json", _STRAY.format("A comma stands before the closing bracket."), line)
        if following:
            yield self._fault(
                "trailing_data", "Something follows the end of the JSON value; send one value, or jsonl (format=jsonl)."
            )

    def _take_element(self) -> Iterator[Record | RecordError]:
        line, index = self._window.line, self._index
        self._index += 1
        self._separated = False
        key: str | None = None
        offset = 0
        pointer = join_pointer(self._pointer, (index,))
        if self._is_mapping:
            name, offset = self._find_key()
            if name is None:
                yield self._pass_keyless(line, pointer)
                return
            parsed = _parse(name, line, None, pointer)
            if isinstance(parsed, RecordError):
                yield parsed
                self._skip_value(offset)
                return
            key = str(parsed.value)
            pointer = join_pointer(self._pointer, (key,))
        yield self._take_value(offset, line, key, pointer)

    def _take_value(self, offset: int, line: int, key: str | None, pointer: str) -> Record | RecordError:
        window = self._window
        scanner = ValueScanner(offset)
        end = self._find_end(offset, scanner)
        if end is not None and end <= self._cap:
            raw = window.data[window.pos + offset : window.pos + end]
            result = _parse(raw, line, key, pointer)
            if isinstance(result, Record):
                self._learn_first_key(raw)
                window.advance(end)
            elif result.code != "invalid_json" or not self._resume_within(end):
                window.advance(end)
            return result
        if self._resume_within(min(window.held, self._cap)):
            return RecordError(
                line, pointer, "invalid_json", "The record's brackets or quotes do not match.", key and clip(key)
            )
        if end is None and window.held <= self._cap:
            window.advance(window.held)
            self._ended = True
            return RecordError(line, pointer, "torn_file", _TORN, key and clip(key))
        self._resume_after(scanner if end is None else None, end)
        return _too_large(line, pointer, self._cap)

    def _pass_keyless(self, line: int, pointer: str) -> RecordError:
        window = self._window
        found = self._resume_within(window.held)
        if not found and not window.fill():
            window.advance(window.held)
            self._ended = True
            return RecordError(line, pointer, "torn_file", _TORN)
        if not found:
            self._resume_after(None)
        return RecordError(line, pointer, "invalid_json", 'A record of this object has no key: write "id": {…}.')

    def _find_key(self) -> tuple[bytes | None, int]:
        """The raw key of a member and the offset of its value."""
        window = self._window
        while True:
            match = _KEY.match(window.data, window.pos)
            if match is not None and match.end() < len(window.data):
                return match.group(1), match.end() - window.pos
            if window.data[window.pos : window.pos + 1] != b'"' or window.held > self._cap or not window.fill():
                return None, 0

    def _find_end(self, offset: int, scanner: ValueScanner) -> int | None:
        """The offset where the value ends; None when the stream ends first or the value passes the cap."""
        window = self._window
        window.ensure(offset + 1)
        if window.data[window.pos + offset] not in b"[{":
            return self._find_scalar_end(offset)
        match = _VALUE.match(window.data, window.pos + offset)
        if match is not None:
            return match.end() - window.pos
        while (end := scanner.advance(window)) is None:
            if window.held > self._cap or not window.fill():
                return None
        return end

    def _find_scalar_end(self, offset: int) -> int | None:
        window = self._window
        while True:
            match = _SCALAR.match(window.data, window.pos + offset)
            if match is not None and match.end() < len(window.data):
                return match.end() - window.pos
            if match is None and window.data[window.pos + offset] != 0x22:
                return offset
            if window.held > self._cap:
                return None
            if not window.fill():
                return match.end() - window.pos if match is not None else None

    def _skip_value(self, offset: int) -> None:
        scanner = ValueScanner(offset)
        end = self._find_end(offset, scanner)
        self._resume_after(scanner if end is None else None, end)

    def _learn_first_key(self, raw: bytes) -> None:
        if self._first_key is None:
            match = _FIRST_KEY.match(raw)
            if match is not None:
                self._first_key = match.group(1)

    def _resume_pattern(self) -> re.Pattern[bytes] | None:
        """What the start of the next record looks like after a comma, told from the first good record or this one."""
        window = self._window
        first_key = self._first_key
        if first_key is None:
            match = _FIRST_KEY.search(window.data, window.pos, window.pos + _RESUME_OVERLAP_BYTES)
            if match is None:
                return None
            first_key = match.group(1)
        name = rb'"(?:[^"\\\n]++|\\.)*+"\s*:\s*' if self._is_mapping else b""
        return re.compile(rb",\s*(?=" + name + rb"\{\s*" + re.escape(first_key) + rb"\s*:)")

    def _resume_within(self, size: int) -> bool:
        """Go to the next record that starts within `size` bytes; False where none does."""
        window, pattern = self._window, self._resume_pattern()
        match = pattern.search(window.data, window.pos + 1, window.pos + size) if pattern else None
        if match is None:
            return False
        window.advance(match.end() - window.pos)
        self._separated = True
        return True

    def _resume_after(self, scanner: ValueScanner | None, end: int | None = None) -> None:
        """Pass over a value of any size: to its end, or to where the next record starts."""
        window, pattern = self._window, self._resume_pattern()
        if end is not None:
            window.advance(end)
            return
        while True:
            end = scanner.advance(window) if scanner else None
            match = pattern.search(window.data, window.pos + 1) if pattern else None
            if match is not None and (end is None or match.end() < window.pos + end):
                window.advance(match.end() - window.pos)
                self._separated = True
                return
            if end is not None:
                window.advance(end)
                return
            if not self._forget(scanner):
                return

    def _forget(self, scanner: ValueScanner | None) -> bool:
        """Drop what a passed-over value holds, but for the last bytes, and read on; False at the end of the stream."""
        window = self._window
        size = max(0, (scanner.offset if scanner else window.held) - _RESUME_OVERLAP_BYTES)
        window.advance(size)
        if scanner:
            scanner.offset -= size
        if window.fill():
            return True
        window.advance(window.held)
        return False

    def _fault(self, code: str, message: str, line: int | None = None) -> RecordError:
        return RecordError(line or self._window.line, self._pointer, code, message)
