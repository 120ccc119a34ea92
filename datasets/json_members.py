"""Takes the records of several arrays out of one object, `{"images": […], "annotations": […]}`, in bounded memory."""

import re
from collections.abc import Collection, Iterator

from datasets.byte_window import ByteWindow, ValueScanner
from datasets.json_stream import ContainerReader
from datasets.record_values import Record, RecordError, join_pointer
from datasets.strict_json import FlawError, parse_strictly

_KEY = re.compile(rb'("(?:[^"\\]++|\\.)*+")\s*+:\s*+', re.DOTALL)
_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_ANOTHER_ELEMENT = re.compile(rb"\s*+,\s*+[\[{]")
_SCALAR_END = re.compile(rb"[,}\]]")
_LOOKAHEAD_BYTES = 4096
_KEY_CAP_BYTES = 64 * 1024

_TORN = "The file ends before its object is closed: it was cut off. Send the whole file."
_BROKEN = (
    'There must be a member here, "name": value; what follows in the file was not read. Mend it and send it again.'
)


def read_member_arrays(
    window: ByteWindow, names: Collection[str], record_cap_bytes: int
) -> Iterator[tuple[str, Record | RecordError]]:
    """Yield the elements of the top-level object's arrays of these names, in the order of the file.

    Each comes with the name of its array (empty for what is wrong between arrays); pointers are `/annotations/5`.
    Members of other names, and members of these names that are no arrays, are passed over. The window stands at `{`.
    """
    window.advance(1)
    while True:
        byte = window.next_byte()
        if byte == b"}":
            return
        if byte == b",":
            window.advance(1)
            continue
        name = _take_key(window) if byte else None
        if name is None:
            code, message = ("invalid_json", _BROKEN) if byte else ("torn_file", _TORN)
            yield "", RecordError(window.line, "", code, message)
            return
        if name in names and window.next_byte() == b"[":
            for record in _ArrayReader(window, record_cap_bytes, join_pointer("", (name,))).read():
                yield name, record
                if isinstance(record, RecordError) and record.code == "torn_file":
                    return
        else:
            _pass_value(window)


class _ArrayReader(ContainerReader):
    """Reads the elements of an array that other members may follow."""

    def _close(self) -> Iterator[RecordError]:
        window, line = self._window, self._window.line
        fits = window.next_byte() == b"]"
        window.advance(1)
        window.ensure(_LOOKAHEAD_BYTES)
        goes_on = _ANOTHER_ELEMENT.match(window.data, window.pos) is not None or (
            window.next_byte() not in (b",", b"}", b"") and self._resume_within(window.held)
        )
        if not fits or goes_on:
            yield self._fault("invalid_json", "A bracket closes nothing here. Mend the file around this line.", line)
            return
        self._ended = True
        if self._separated and self._index:
            yield self._fault("invalid_json", "A comma stands before the closing bracket. Remove it.", line)


def begins_with_member(window: ByteWindow, names: Collection[str]) -> bool:
    """Whether an object starts at the window's position whose first member bears one of the names."""
    window.next_byte()
    window.ensure(_LOOKAHEAD_BYTES)
    any_name = b"|".join(re.escape(name.encode()) for name in names)
    return re.compile(rb'\{\s*+"(?:' + any_name + rb')"\s*+:').match(window.data, window.pos) is not None


def _take_key(window: ByteWindow) -> str | None:
    """The name of the member at the window's position, used up with its colon; None where there is none."""
    while True:
        match = _KEY.match(window.data, window.pos)
        if match is not None and match.end() < len(window.data):
            break
        if window.data[window.pos : window.pos + 1] != b'"' or window.held > _KEY_CAP_BYTES or not window.fill():
            return None
    window.advance(match.end() - window.pos)
    try:
        return str(parse_strictly(match.group(1)))
    except FlawError:
        return None


def _pass_value(window: ByteWindow) -> None:
    """Pass over a value of any size and forget it as it goes by."""
    first = window.next_byte()
    if first in (b"[", b"{"):
        _pass_container(window)
        return
    if first == b'"':
        _pass_text(window)
        return
    while (match := _SCALAR_END.search(window.data, window.pos)) is None:
        window.advance(window.held)
        if not window.fill():
            return
    window.advance(match.start() - window.pos)


def _pass_container(window: ByteWindow) -> None:
    scanner = ValueScanner(0)
    while (end := scanner.advance(window)) is None:
        window.advance(scanner.offset)
        scanner.offset = 0
        if not window.fill():
            window.advance(window.held)
            return
    window.advance(end)


def _pass_text(window: ByteWindow) -> None:
    window.advance(1)
    while True:
        match = _TEXT.match(window.data, window.pos)
        if match is not None:
            window.advance(match.end() - window.pos)
        if window.data[window.pos : window.pos + 1] == b'"':
            window.advance(1)
            return
        if not window.fill():
            window.advance(window.held)
            return
