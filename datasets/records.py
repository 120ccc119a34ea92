"""Reads records out of JSON and JSON lines of any size, in bounded memory; what is wrong is reported with its place.

A file that was cut off gives its good records first and then a RecordError `torn_file`; a file of which nothing can
be used raises FileFormatError. Keys that repeat in a top-level `{id: record}` object are kept apart: they are two
records.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Literal

from datasets.byte_window import CHUNK_BYTES, ByteWindow, ValueScanner
from datasets.json_stream import ContainerReader, read_lines
from datasets.record_values import FileFormatError, InvalidRecordError, QueryInput, Record, RecordError
from datasets.strict_json import FlawError, parse_strictly

__all__ = [
    "RECORD_CAP_BYTES",
    "FileFormat",
    "FileFormatError",
    "InvalidRecordError",
    "QueryInput",
    "Record",
    "RecordError",
    "open_window",
    "parse_format",
    "read_records",
    "read_window",
]

RECORD_CAP_BYTES = 1024 * 1024

FileFormat = Literal["json", "jsonl"]

_FIRST_IS_OBJECT = re.compile(rb'\{\s*"(?:[^"\\]++|\\.)*+"\s*:\s*\{', re.DOTALL)

_MAGIC = {
    b"\x1f\x8b": "The file is still gzip; send it with Content-Encoding: gzip, or unpack it.",
    b"PK\x03\x04": "The file is a zip; unpack it.",
    b"\xff\xfe": "The file is UTF-16; save it as UTF-8.",
    b"\xfe\xff": "The file is UTF-16; save it as UTF-8.",
}


def read_records(
    stream: BinaryIO,
    format: FileFormat | None = None,  # noqa: A002 - the word of the API
    record_cap_bytes: int = RECORD_CAP_BYTES,
) -> Iterator[Record | RecordError]:
    """Yield the records of a file in order, bad ones as RecordError.

    `json` is a top-level array of records or an object `{id: record}`; `jsonl` has one record a line; None finds out.
    A byte-order mark and blank lines are passed over. Raises FileFormatError when no record can be told.
    """
    yield from read_window(open_window(stream), format, record_cap_bytes)


def open_window(stream: BinaryIO) -> ByteWindow:
    """A window that stands at the first value of a file of text; raises FileFormatError for one that is none."""
    window = ByteWindow(stream)
    window.ensure(CHUNK_BYTES)
    for magic, message in _MAGIC.items():
        if window.data.startswith(magic):
            raise FileFormatError(1, message)
    if window.data.startswith(b"\xef\xbb\xbf"):
        window.advance(3)
    if not window.next_byte():
        raise FileFormatError(window.line, "The file is empty; it must hold at least one record.")
    return window


def read_window(
    window: ByteWindow,
    format: FileFormat | None = None,  # noqa: A002 - the word of the API
    record_cap_bytes: int = RECORD_CAP_BYTES,
) -> Iterator[Record | RecordError]:
    """`read_records` for a window that was opened before."""
    file_format = format or _sniff(window, record_cap_bytes)
    _refuse_other_formats(window, file_format)
    if file_format == "jsonl":
        yield from read_lines(window, record_cap_bytes)
    else:
        yield from ContainerReader(window, record_cap_bytes).read()


def parse_format(name: str) -> FileFormat:
    """`json` or `jsonl` as a type; raises ValueError for anything else."""
    if name == "json":
        return "json"
    if name == "jsonl":
        return "jsonl"
    raise ValueError(f"unknown format {name!r}; known are json and jsonl")


def _sniff(window: ByteWindow, record_cap_bytes: int) -> FileFormat:
    first = window.next_byte()
    if first == b"[":
        return "json"
    if first != b"{":
        return "jsonl"
    window.ensure(record_cap_bytes + CHUNK_BYTES)
    head = [line for line in window.data[window.pos :].split(b"\n", 8) if line.strip()][:2]
    if len(head) == 2 and head[1].lstrip().startswith(b"{") and not head[0].rstrip().endswith((b":", b"[", b"{")):
        return "jsonl"
    end = ValueScanner(0).advance(window)
    if end is None:
        return "json"
    raw = window.data[window.pos : window.pos + end]
    if window.data[window.pos + end :].strip():
        return "jsonl"
    return "json" if _maps_ids_to_records(raw) else "jsonl"


def _maps_ids_to_records(raw: bytes) -> bool:
    """A lone object: one mostly of objects, `{id: {…}}`, is a file of records by id, another one line of JSON lines."""
    try:
        value = parse_strictly(raw)
    except FlawError:
        return _FIRST_IS_OBJECT.match(raw) is not None
    if not isinstance(value, dict):
        return False
    objects = sum(isinstance(member, dict) for member in value.values())
    return 2 * objects > len(value) or not value


def _refuse_other_formats(window: ByteWindow, file_format: FileFormat) -> None:
    first = window.next_byte()
    if file_format == "json" and first not in (b"[", b"{"):
        raise FileFormatError(window.line, "The file is no JSON: it must start with [ or {.")
    if file_format == "jsonl" and first not in (b"[", b"{") and not _has_object_line(window):
        raise FileFormatError(
            window.line, "The file is no JSON: a JSON file starts with [ or {, and JSON lines hold one object a line."
        )


def _has_object_line(window: ByteWindow) -> bool:
    lines = (line.strip() for line in window.data[window.pos : window.pos + CHUNK_BYTES].split(b"\n"))
    return any(line.startswith(b"{") and line.endswith(b"}") for line in lines)
