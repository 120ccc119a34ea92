"""Reads a file of annotations into batches of rows; what is wrong with a record stays with the record."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec

from datasets.abstract_dataset import check_query_input
from datasets.plain import PlainItems
from datasets.record_values import FileFormatError, InvalidRecordError, QueryInput, Record, RecordError
from datasets.records import RECORD_CAP_BYTES, FileFormat

BATCH_ROWS = 4096
BATCH_CHARACTERS = 1 << 20
_IMAGE_ID_CHARACTERS = 64  # about what one takes; an item of a video has more than a hundred

_SUSPECT_ESCAPE = re.compile(rb"\\u00[04-7]")  # U+0000, and ASCII letters that could hide a repeated key
_ID_LENGTH = 512

Outcome = QueryInput | RecordError
Row = tuple[int, int, str, str, tuple[str, ...], int | None]


@dataclass(slots=True)
class Batch:
    """Some records of a file in order: rows as `store.datasets.ITEM_COLUMNS` names them, and refused records."""

    rows: list[Row] = field(default_factory=list)
    errors: list[RecordError] = field(default_factory=list)
    characters: int = 0

    @property
    def has_images(self) -> bool:
        return any(row[-1] is not None for row in self.rows)


def batch_outcomes(outcomes: Iterator[Outcome], dataset_id: int) -> Generator[Batch]:
    """Cut a stream of records into batches of bounded size, none of them empty; good records get their position."""
    position, batch = 0, Batch()
    for outcome in outcomes:
        if isinstance(outcome, QueryInput):
            image_ids = outcome.image_ids
            image_set = None if not image_ids else hash_images(image_ids)
            batch.rows.append((dataset_id, position, outcome.id, outcome.sentences, image_ids, image_set))
            batch.characters += len(outcome.sentences) + _IMAGE_ID_CHARACTERS * len(image_ids)
            position += 1
        else:
            batch.errors.append(outcome)
        if len(batch.rows) + len(batch.errors) >= BATCH_ROWS or batch.characters >= BATCH_CHARACTERS:
            yield batch
            batch = Batch()
    if batch.rows or batch.errors:
        yield batch


def hash_images(image_ids: tuple[str, ...]) -> int:
    """63 bits that stand for a tuple of images: never negative, so that they differ from every negated item id."""
    joined = "\x1f".join(image_ids).encode()
    return int.from_bytes(blake2b(joined, digest_size=8).digest(), "big") >> 1


def read_plain_items(path: Path, file_format: FileFormat | None) -> Iterator[Outcome]:
    """Items without a kind. JSON lines of exactly {id, sentences, image_ids?} take a fast path with the same answers.

    Raises FileFormatError.
    """
    with path.open("rb") as file:
        if file_format != "json" and _begins_plainly(file):
            yield from _read_lines(file)
            return
    yield from PlainItems().iter_query_inputs(path, file_format)


def read_inline_items(items: list[object]) -> Iterator[Outcome]:
    """Items of a JSON body; pointers go into the body, e.g. `/items/3/sentences`."""
    reader = PlainItems()
    for index, item in enumerate(items):
        record = Record(0, None, item, f"/items/{index}")
        try:
            yield check_query_input(reader.read_record(record), record)
        except InvalidRecordError as refused:
            yield replace(refused.error, line=None)


class _Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: str
    sentences: str
    image_ids: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Item).decode


def _begins_plainly(file: BinaryIO) -> bool:
    first = file.readline(RECORD_CAP_BYTES)
    file.seek(0)
    return first.endswith(b"\n") and _read_plainly(first, 1) is not None


def _read_lines(file: BinaryIO) -> Iterator[Outcome]:
    number = 0
    while raw := file.readline(RECORD_CAP_BYTES + 2):
        number += 1
        item = _read_plainly(raw, number)
        if item is not None:
            yield item
        elif not raw.isspace():
            yield from _read_carefully(raw, _rest_of_line(file, raw), number)


def _read_plainly(raw: bytes, number: int) -> QueryInput | None:
    """The item of a line of which nothing needs a closer look, else None.

    The decoder lets repeated keys and U+0000 pass, so quotes are counted: there is no room for another member.
    """
    quotes = raw.count(b'"')
    if b"\\" in raw:
        if b"\\\\" in raw or _SUSPECT_ESCAPE.search(raw):
            return None
        quotes -= raw.count(b'\\"')
    if len(raw) > RECORD_CAP_BYTES:
        return None
    try:
        item = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    image_ids = item.image_ids
    if quotes != (10 + 2 * len(image_ids) if image_ids else 8):
        return None
    source_id, sentences = item.id.strip(), item.sentences.strip()
    if not sentences or not 0 < len(source_id) <= _ID_LENGTH:
        return None
    if image_ids:
        image_ids = tuple([image_id.strip() for image_id in image_ids])
        if not all(0 < len(image_id) <= _ID_LENGTH for image_id in image_ids):
            return None
    return QueryInput(source_id, sentences, image_ids, number)


def _read_carefully(raw: bytes, has_more: bool, number: int) -> Iterator[Outcome]:
    """One line by the reader that explains what is wrong."""
    if has_more:
        message = f"The record is larger than {RECORD_CAP_BYTES:,} bytes; split it or cut it down."
        yield RecordError(number, "", "record_too_large", message)
        return
    try:
        for outcome in PlainItems().iter_query_inputs(BytesIO(raw), "jsonl"):
            yield replace(outcome, line=number)
    except FileFormatError as error:
        yield RecordError(number, "", "invalid_json", error.message)


def _rest_of_line(file: BinaryIO, raw: bytes) -> bool:
    """Pass over what is left of a line that was cut at the cap; whether there was any."""
    has_more = False
    while not raw.endswith(b"\n") and (raw := file.readline(RECORD_CAP_BYTES)):
        has_more = True
    return has_more
