"""Conversations in JSON: found by the rounds they hold, under whatever keys; torn and nearly valid JSON is mended."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.pipeline.formats.headings import normalise_line
from app.pipeline.formats.json_reply import read_gap
from app.pipeline.formats.json_scan import Mender, close_torn, find_json_start, scan_json
from app.pipeline.formats.json_shape import Piece, is_round, read_shape, write_json
from app.pipeline.formats.labelled import is_chatter
from app.pipeline.formats.reading import Spoken
from app.pipeline.values import Rejection

_DEEPEST = 64
_TITLE_KEY = re.compile(r"title|activity|topic|scenario|task|name|theme", re.IGNORECASE)
_REASON_KEY = re.compile(r"reason|rationale|why|explanation|justification|suitability", re.IGNORECASE)
_PLAIN_KEY = re.compile(
    r"(?:(?:conversation|dialogue|dialog|activity|activities|scenario|round|turn|pair)s?[ _-]?\d*|data|result|results"
    r"|reply|output|qa|messages)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class FoundConversation:
    """A conversation of a JSON value: its questions and answers in order, with what is neither.

    is_bare: it is made of rounds that no list holds, e.g. one a line
    """

    title: str = ""
    reason: str = ""
    pieces: list[Piece] = field(default_factory=list)
    is_bare: bool = False


@dataclass(slots=True)
class JsonConversations:
    """What a reply in JSON holds; `around` is what belongs to no conversation."""

    found: list[FoundConversation] = field(default_factory=list)
    around: list[Rejection] = field(default_factory=list)


def read_json(text: str, *, truncated: bool) -> JsonConversations | None:
    """The conversations of a reply in JSON; None when nothing in it reads as JSON with rounds."""
    start = find_json_start(text)
    if start is None:
        return None
    body, reading = text[start:], JsonConversations()
    try:
        _walk(orjson.loads(body.rstrip("` \n\t")), "", reading, 0)
    except orjson.JSONDecodeError:
        _read_loose(body, reading, truncated=truncated)
        is_torn = any(rejection.reason == "truncated" for rejection in reading.around)
        if not is_torn and not any(isinstance(piece, Spoken) for found in reading.found for piece in found.pieces):
            return None
    if not reading.found and not reading.around:
        reading.around.append(Rejection("empty", "the reply holds no rounds", text))
    preamble = text[:start].strip()
    if not is_chatter(preamble):
        reading.around.insert(0, Rejection("unparseable", "text before the JSON", preamble))
    return reading


def _read_loose(body: str, reading: JsonConversations, *, truncated: bool) -> None:
    """Each outermost value by itself; of one that never closes, what is whole."""
    mender, position = Mender(), 0
    for value in scan_json(body):
        reading.around += read_gap(body[position : value.start])
        source = body[value.start : value.end]
        rest = ""
        if not value.closed:
            source, rest = close_torn(source)
        mended = mender.mend(source) if source else None
        if isinstance(mended, dict | list) and mended:
            _walk(mended, "", reading, 0)
        elif source:
            reading.around.append(Rejection("unparseable", "JSON that cannot be mended", source))
        if rest.strip(" \n\t,]}`"):
            reading.around.append(Rejection("truncated", "the reply ended inside this JSON", rest.lstrip(", \n")))
        position = value.end
    reading.around += read_gap(body[position:])


def _walk(value: Any, title: str, reading: JsonConversations, depth: int) -> None:
    """Take a list of rounds, or an object with one, as a conversation; look for them inside anything else."""
    if depth > _DEEPEST or not isinstance(value, dict | list):
        reading.around.append(Rejection("unparseable", "a JSON value that is no conversation", write_json(value)))
    elif is_round(value):
        _add_bare_round(value, reading)
    elif _holds_rounds(value):
        reading.found.append(FoundConversation(title, "", list(read_shape(value))))
    elif isinstance(value, list):
        _walk_list(value, title, reading, depth)
    else:
        _walk_object(value, title, reading, depth)


def _add_bare_round(value: Any, reading: JsonConversations) -> None:
    if not reading.found or not reading.found[-1].is_bare:
        reading.found.append(FoundConversation(is_bare=True))
    reading.found[-1].pieces += read_shape(value)


def _walk_list(values: list[Any], title: str, reading: JsonConversations, depth: int) -> None:
    for value in values:
        _walk(value, title, reading, depth + 1)


def _walk_object(entry: Mapping[Any, Any], title: str, reading: JsonConversations, depth: int) -> None:
    inner = [(key, child) for key, child in entry.items() if isinstance(child, dict | list)]
    told, reason = _find_text(entry, _TITLE_KEY) or title, _find_text(entry, _REASON_KEY)
    rounds = [child for _, child in inner if _holds_rounds(child)]
    if len(rounds) == 1 and (told or reason or len(inner) == 1):
        reading.found.append(FoundConversation(told, reason, list(read_shape(rounds[0]))))
        return
    if not inner:
        reading.around.append(Rejection("unparseable", "a conversation without rounds", write_json(entry)))
    for key, child in inner:
        named = "" if _PLAIN_KEY.fullmatch(str(key)) else normalise_line(str(key))
        _walk(child, named, reading, depth + 1)


def _holds_rounds(value: Any) -> bool:
    """Whether a value is a list in which there is a round, or an object with nothing but rounds under its keys."""
    if isinstance(value, list):
        return any(is_round(element) for element in value)
    return isinstance(value, dict) and bool(value) and all(is_round(child) for child in value.values())


def _find_text(entry: Mapping[Any, Any], key_pattern: re.Pattern[str]) -> str:
    texts: Iterator[str] = (
        value
        for key, value in entry.items()
        if isinstance(value, str) and isinstance(key, str) and key_pattern.search(key)
    )
    return normalise_line(next(texts, ""))
