"""Replies in JSON: read strictly where they are strict, mended where nearly so, kept in part where cut off."""

import json
import re
from collections.abc import Iterator
from itertools import islice

import orjson

from app.pipeline.formats.json_scan import Mender, Value, find_json_start, scan_json
from app.pipeline.formats.json_shape import Piece, read_shape
from app.pipeline.formats.labelled import is_chatter
from app.pipeline.formats.labels import FENCE
from app.pipeline.formats.reading import MAX_PAIRS, ParsedReply, Spoken, assemble_pairs
from app.pipeline.values import Rejection

_MOST_PIECES = 2 * MAX_PAIRS
_LONGEST_GAP = 40  # characters of brackets, commas and a wrapping key between two pairs
_CLOSING_CHATTER = re.compile(r"(?:i hope|let me know|feel free|please|note|these)\b", re.IGNORECASE)


def has_json_before(text: str, end: int) -> bool:
    """Whether something like a JSON array or object opens before a position."""
    start = find_json_start(text)
    return start is not None and start < end


def parse_json(text: str, *, truncated: bool) -> ParsedReply | None:
    """The pairs of a reply in JSON; None when nothing in it reads as JSON with pairs. See `formats.parse_reply`."""
    start = find_json_start(text)
    if start is None:
        return None
    body = text[start:]
    try:
        found = list(islice(read_shape(orjson.loads(body.rstrip("` \n\t"))), _MOST_PIECES + 1))
    except orjson.JSONDecodeError:
        found = list(islice(_read_loose(body, truncated=truncated), _MOST_PIECES + 1))
        if not any(isinstance(piece, Spoken) or piece.reason == "truncated" for piece in found):
            return None
    preamble = text[:start].strip()
    if not is_chatter(preamble):
        found.insert(0, Rejection("unparseable", "text before the JSON", preamble))
    return _conclude(found, text)


def _conclude(pieces: list[Piece], text: str) -> ParsedReply:
    if not pieces:
        pieces = [Rejection("empty", "the reply holds no pairs", text)]
    if len(pieces) > _MOST_PIECES:
        pieces = [*pieces[:_MOST_PIECES], Rejection("unparseable", f"more than {MAX_PAIRS} pairs", text)]
    spoken = [piece for piece in pieces if isinstance(piece, Spoken)]
    return assemble_pairs(spoken, [piece for piece in pieces if isinstance(piece, Rejection)])


def read_gap(gap: str) -> Iterator[Rejection]:
    """Text outside every pair: punctuation, fences and closing words are nothing; more than that is refused."""
    gap = FENCE.sub("", gap).strip(" \n\t,;[]{}`")
    if len(gap) > _LONGEST_GAP and not is_chatter(gap) and not _CLOSING_CHATTER.match(gap):
        yield Rejection("unparseable", "text between the JSON of pairs", gap)


def _read_loose(body: str, *, truncated: bool) -> Iterator[Piece]:
    """Whole values, the elements of broken ones, and what is left between and after them."""
    mender, position = Mender(), 0
    for value in scan_json(body):
        yield from read_gap(body[position : value.start])
        if value.closed:
            yield from _read_closed(body, value, mender)
        else:
            yield from _read_open(body, value, mender, truncated=truncated)
        position = value.end
    yield from read_gap(body[position:])


def _read_closed(body: str, value: Value, mender: Mender) -> Iterator[Piece]:
    try:
        whole = json.loads(body[value.start : value.end], strict=False)
    except ValueError:
        if value.elements:
            yield from _read_elements(body, value, mender)
            yield from read_gap(body[value.elements[-1][1] : value.end])
        else:
            yield from _read_mended(body[value.start : value.end], mender)
    else:
        yield from read_shape(whole)


def _read_open(body: str, value: Value, mender: Mender, *, truncated: bool) -> Iterator[Piece]:
    """A value that never closes: its whole elements are kept, what follows the last one is torn."""
    yield from _read_elements(body, value, mender)
    rest = body[value.elements[-1][1] if value.elements else value.start :].strip()
    if not truncated and rest.rstrip("` \n").endswith(("}", "]")) and "{" in rest:
        yield from _read_mended(rest[rest.index("{") :], mender)  # not cut off, only quoted badly
    elif "{" in rest or len(rest) > _LONGEST_GAP:
        yield Rejection("truncated", "the reply ended inside this JSON", rest.lstrip(", \n"))


def _read_elements(body: str, value: Value, mender: Mender) -> Iterator[Piece]:
    position = value.start
    for start, end in value.elements:
        yield from read_gap(body[position:start])
        yield from _read_mended(body[start:end], mender)
        position = end


def _read_mended(text: str, mender: Mender) -> Iterator[Piece]:
    mended = mender.mend(text)
    if isinstance(mended, dict | list) and mended:
        yield from read_shape(mended)
    else:
        yield Rejection("unparseable", "JSON that cannot be mended", text)
