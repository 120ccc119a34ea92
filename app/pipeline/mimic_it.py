"""The files of MIMIC-IT, written as a stream: one record per line, the same rows make the same bytes."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

_CHUNK_BYTES = 65_536

TrainRule = Literal["same", "first_two", "none", "last_round"]
"""How the train file relates: as `rel_ins_ids`, their first two, nothing, or the last round with two earlier ones."""

NameOf = Callable[[int], str | None]
"""The published id of an English pair's row id; None for a pair that is not in this file."""


@dataclass(frozen=True, slots=True)
class MimicRow:
    """A pair to write. `pair_id` and `related_pair_ids` are row ids of English pairs, also in a translation's file.

    group: what the rounds of a conversation share (an item); rows of one group stand together, in order.
    """

    pair_id: int
    instruction: str
    response: str
    image_ids: tuple[str, ...] = ()
    related_pair_ids: tuple[int, ...] = ()
    group: int = 0


@dataclass(frozen=True, slots=True)
class MimicMeta:
    """The head of a file; `time` is given, never taken from a clock, so that a repeated export has the same bytes."""

    version: str
    time: str
    author: str = "Syphus"


class SequentialIds:
    """`DC_INS_00001`, `DC_INS_00002`, … in the order of row ids, in 8 bytes per pair."""

    def __init__(self, abbr: str, pair_ids: Iterable[int]) -> None:
        """pair_ids: ascending and each once; raises ValueError otherwise."""
        self._abbr = abbr
        self._pair_ids = array("q", pair_ids)
        if any(left >= right for left, right in zip(self._pair_ids, self._pair_ids[1:], strict=False)):
            raise ValueError("the row ids must ascend")
        self._width = max(5, len(str(len(self._pair_ids))))

    def __call__(self, pair_id: int) -> str | None:
        """The published id, or None for a pair that is not among them."""
        place = bisect_left(self._pair_ids, pair_id)
        if place == len(self._pair_ids) or self._pair_ids[place] != pair_id:
            return None
        return f"{self._abbr}_INS_{place + 1:0{self._width}d}"

    def __len__(self) -> int:
        return len(self._pair_ids)


def instructions_file(rows: Iterable[MimicRow], meta: MimicMeta, name_of: NameOf) -> Iterator[bytes]:
    """`XX_instructions.json` in chunks of bytes: `{"meta": …, "data": {id: {instruction, answer, …}}}`.

    Links to pairs that are not in the file are left out, so that every id resolves. Raises KeyError for a row that
    has no id itself.
    """
    head = orjson.dumps({"version": meta.version, "time": meta.time, "author": meta.author})
    return _join_chunks(b'{"meta":%b,"data":{' % head, (_write_record(row, name_of) for row in rows), b"\n}}\n")


def train_file(rows: Iterable[MimicRow], rule: TrainRule, name_of: NameOf) -> Iterator[bytes]:
    """`XX_train.json` in chunks of bytes: `{id: [related ids]}` by one of four rules.

    last_round: of every group only its last row, with the two rows before it (one of them twice where there is
    only one, none where there is none).
    """
    if rule == "last_round":
        entries = _last_rounds(rows, name_of)
    else:
        most = {"same": None, "first_two": 2, "none": 0}[rule]
        entries = ((_require(row.pair_id, name_of), name_related(row, name_of)[:most]) for row in rows)
    lines = (b"%b:%b" % (orjson.dumps(name), orjson.dumps(related)) for name, related in entries)
    return _join_chunks(b"{", lines, b"\n}\n")


def name_related(row: MimicRow, name_of: NameOf) -> list[str]:
    """The published ids a row relates to, in order: itself, repetitions and pairs outside the file left out."""
    names: dict[str, None] = {}
    for pair_id in row.related_pair_ids:
        name = name_of(pair_id) if pair_id != row.pair_id else None
        if name is not None:
            names[name] = None
    return list(names)


def _write_record(row: MimicRow, name_of: NameOf) -> bytes:
    record: Mapping[str, object] = {
        "instruction": row.instruction,
        "answer": row.response,
        "image_ids": row.image_ids,
        "rel_ins_ids": name_related(row, name_of),
    }
    return b"%b:%b" % (orjson.dumps(_require(row.pair_id, name_of)), orjson.dumps(record))


def _last_rounds(rows: Iterable[MimicRow], name_of: NameOf) -> Iterator[tuple[str, list[str]]]:
    group: int | None = None
    rounds: list[str] = []
    for row in rows:
        if row.group != group and rounds:
            yield _close_rounds(rounds)
            rounds = []
        group = row.group
        rounds = [*rounds[-2:], _require(row.pair_id, name_of)]
    if rounds:
        yield _close_rounds(rounds)


def _close_rounds(rounds: list[str]) -> tuple[str, list[str]]:
    *earlier, last = rounds
    return last, earlier * 2 if len(earlier) == 1 else earlier


def _require(pair_id: int, name_of: NameOf) -> str:
    name = name_of(pair_id)
    if name is None:
        raise KeyError(pair_id)
    return name


def _join_chunks(head: bytes, records: Iterable[bytes], tail: bytes) -> Iterator[bytes]:
    """One record per line, comma first, gathered into chunks: a reader can go through the file line by line."""
    buffer = bytearray(head)
    separator = b"\n"
    for record in records:
        buffer += separator
        buffer += record
        separator = b",\n"
        if len(buffer) >= _CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    buffer += tail
    yield bytes(buffer)
