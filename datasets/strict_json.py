"""Parses one record strictly: what other readers could understand differently is refused, with its place."""

import json
import math
import re
from collections.abc import Iterable, Iterator

from datasets.record_values import clip, join_pointer

MAX_DEPTH = 64

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class FlawError(Exception):
    """Why a record is refused; `pointer` is relative to the record.

    code: invalid_json, not_utf8, too_deep, not_finite, duplicate_key, nul_character, lone_surrogate
    """

    def __init__(self, code: str, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer


def parse_strictly(raw: bytes) -> object:
    """The value of one JSON text in UTF-8, nested at most 64 deep.

    Raises FlawError. Depth is checked before parsing, so that no text can exhaust the stack.
    """
    if _measure_depth(raw) > MAX_DEPTH:
        raise FlawError("too_deep", f"The record is nested deeper than {MAX_DEPTH} levels; flatten it.")
    text = _decode(raw)
    try:
        value: object = json.loads(
            text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant, parse_float=_finite
        )
    except _SuspectError:
        raise _locate_flaw(text) from None
    except json.JSONDecodeError as error:
        raise FlawError("invalid_json", _explain(error, text)) from None
    except ValueError as error:
        raise FlawError("invalid_json", f"A number has too many digits ({error}); shorten it.") from None
    if b"\\u" in raw:
        for flaw in _find_flaws(value, ()):
            raise flaw
    return value


class _SuspectError(Exception):
    """Something is wrong; where, the slow reading finds out."""


class _Members(list[tuple[str, object]]):
    """An object's members with repeated keys kept apart."""


class _NotFinite:
    """Stands where NaN, Infinity or a number beyond the range of a double was."""


def _measure_depth(raw: bytes) -> int:
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for token in _TOKEN.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FlawError("not_utf8", f"Byte {error.start} of the record is not UTF-8; save the file as UTF-8.") from None


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _SuspectError
    return members


def _refuse_constant(_: str) -> object:
    raise _SuspectError


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _SuspectError
    return number


def _explain(error: json.JSONDecodeError, text: str) -> str:
    near = text[error.pos : error.pos + 20]
    place = f"near {near!r}" if near else "at its end"
    return f"The record is no valid JSON: {error.msg} (character {error.pos + 1} of the record, {place})."


def _locate_flaw(text: str) -> FlawError:
    value = json.loads(
        text,
        object_pairs_hook=_Members,
        parse_constant=lambda _: _NotFinite(),
        parse_float=lambda digits: _NotFinite() if math.isinf(float(digits)) else float(digits),
    )
    return next(_find_flaws(value, ()))


def _find_flaws(value: object, path: tuple[str | int, ...]) -> Iterator[FlawError]:
    if isinstance(value, str):
        yield from _find_bad_characters(value, path)
    elif isinstance(value, _NotFinite):
        yield FlawError(
            "not_finite", "NaN, Infinity and numbers beyond 1.8e308 are no JSON; use null.", join_pointer("", path)
        )
    elif isinstance(value, dict | _Members):
        yield from _find_flaws_in_members(value.items() if isinstance(value, dict) else value, path)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _find_flaws(element, (*path, index))


def _find_flaws_in_members(members: Iterable[tuple[str, object]], path: tuple[str | int, ...]) -> Iterator[FlawError]:
    seen: set[str] = set()
    for key, value in members:
        yield from _find_bad_characters(key, path)
        if key in seen:
            yield FlawError(
                "duplicate_key",
                f"The key {clip(key, 50)!r} occurs twice in one object; keep one.",
                join_pointer("", (*path, key)),
            )
        seen.add(key)
        yield from _find_flaws(value, (*path, key))


def _find_bad_characters(text: str, path: tuple[str | int, ...]) -> Iterator[FlawError]:
    if "\x00" in text:
        yield FlawError(
            "nul_character", "A text holds U+0000, which no table stores; remove it.", join_pointer("", path)
        )
    if _SURROGATE.search(text):
        yield FlawError(
            "lone_surrogate", "A text holds half a surrogate pair; write the whole character.", join_pointer("", path)
        )
